/*
 * registry.h - whose key is whose: public keys, the party and the roles each speaks for, until
 * when.
 *
 * The registry folds the commands about keys, in order. Whoever folds the same entries of the
 * intake feed knows the same keys under the same numbers. A command that may not take effect
 * changes nothing and gives its outcome.
 *
 *     registered ──▶ pending ──confirm──▶ active ──revoke──▶ revoked
 *          │            │                    ▲  │
 *          │            └──revoke──▶ revoked │  └──rotate──▶ the next key is active too, until the
 *          └──── without a high role ────────┘               old one ends
 *
 * A key that has been known stays known for ever, so that none is used twice. Keys that go back to
 * one registration by rotations are held by one *holder*, named by the first of them. A key with
 * the role admin or operator takes two: who registers it and another one who confirms it.
 */
#ifndef CORE_ACCESS_REGISTRY_H
#define CORE_ACCESS_REGISTRY_H

#include "core/base/memory.h"
#include "core/base/names.h"
#include "core/model/record.h"

#define REGISTRY_KEY_COUNT_MAX 65536u
#define KEY_LOCAL 0u           /* Nobody's key: who speaks on a local socket, with every right. */
#define KEY_GATEWAY UINT32_MAX /* The gateway itself, for the first admin of its configuration. */
#define ROLES_HIGH (ROLE_ADMIN | ROLE_OPERATOR) /* One person alone gives them to nobody. */

enum key_state {
    KEY_PENDING = 1, /* Waits for the second one. */
    KEY_ACTIVE,
    KEY_REVOKED,
};
const char *key_state_name(enum key_state state);

struct registered_key {
    uint8_t state; /* enum key_state */
    uint64_t roles;
    uint64_t from, to;   /* Valid from `from` up to, not including, `to`; TIME_NONE for no end. */
    uint32_t party;      /* In `parties`. */
    uint32_t registrant; /* The holder who registered it, KEY_LOCAL or KEY_GATEWAY. */
    uint32_t holder;     /* The first key that it goes back to; itself mostly. */
    uint32_t next;       /* What it was rotated to; 0 for nothing. */
};

/* Zero is an empty registry. Keys count from 1. */
struct registry {
    struct names texts;           /* Of keys, by number - 1. */
    struct names parties;         /* Ids. */
    struct registered_key *items; /* By number - 1. */
    size_t capacity;
};

enum key_outcome { /* What became of a command. */
                   KEY_DONE = 1,
                   KEY_UNKNOWN,  /* No such key. */
                   KEY_CONFLICT, /* The key is known already. */
                   KEY_STATE,    /* Not possible in the state it is in. */
                   KEY_DENIED,   /* Not by this one. */
                   KEY_FULL,     /* No more keys. */
};

/* Folds one command of `kind` (KIND_KEY_REGISTER ...) by the one who speaks with key `actor`,
 * KEY_LOCAL or KEY_GATEWAY. Texts are copied. KEY_DONE gives the key's number, that of the new one
 * for a rotation. */
MUST_USE enum key_outcome registry_apply(struct registry *registry, uint16_t kind,
                                         const union command *command, uint32_t actor,
                                         uint32_t *number);

static inline bool kind_is_of_key(uint16_t kind)
{
    return kind >= KIND_KEY_REGISTER && kind <= KIND_KEY_REVOKE;
}

/* The number of a key by its text, 0 when it is not known. */
uint32_t registry_find(const struct registry *registry, struct bytes text);
static inline uint32_t registry_count(const struct registry *registry)
{
    return registry->texts.count;
}

/* Borrowed until the next apply or restore. `number` is that of a key. */
const struct registered_key *registry_key(const struct registry *registry, uint32_t number);
struct bytes registry_text(const struct registry *registry, uint32_t number);
struct bytes registry_party(const struct registry *registry, uint32_t number);

/* Whether who speaks with it is heard now. */
bool registry_is_live(const struct registry *registry, uint32_t number, uint64_t now_ms);

/* Who the key is held by; KEY_LOCAL and KEY_GATEWAY by themselves. */
uint32_t registry_holder(const struct registry *registry, uint32_t number);

/* Whether a key with the role admin was ever registered. */
bool registry_has_admin(const struct registry *registry);

/* One key as a row, and back by ascending numbers. STATUS_CORRUPT when it makes no sense. */
void registry_save(const struct registry *registry, uint32_t number, struct buffer *target);
MUST_USE enum status registry_restore(struct registry *registry, uint32_t number, struct bytes row);

void registry_deinit(struct registry *registry);

#endif
