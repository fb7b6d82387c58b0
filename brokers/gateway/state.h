/*
 * state.h - what the gateway knows; for the files of this directory.
 */
#ifndef BROKERS_GATEWAY_STATE_H
#define BROKERS_GATEWAY_STATE_H

#include "brokers/gateway/answers.h"
#include "brokers/gateway/gateway.h"
#include "brokers/gateway/ids.h"
#include "brokers/gateway/speaker.h"
#include "core/access/registry.h"
#include "core/match/market_rows.h"

struct gateway {
    struct gateway_options options;
    const struct world *world;
    struct market *market;
    struct market_rows rows; /* What changed in it since the last checkpoint. */
    struct registry registry;
    struct dirty_list dirty_keys; /* By number. */
    bool has_new_keys;            /* Since they were handed over. */
    struct ids ids;
    uint64_t ids_saved; /* Entries whose hash is in rows already. */
    struct names submitters;
    uint64_t *positions; /* By submitter: the last one given. */
    size_t position_capacity;
    struct answers_queue answers;
    struct arena arena; /* For one message. */
    struct buffer scratch;
    uint64_t durable; /* The last own entry that is committed. */
    uint64_t next_tick_ms;
    uint64_t now_ms;        /* When the message that is looked at came. */
    struct rules_put rules; /* Those journaled last; all 0 before the first. */
    struct {
        uint64_t accepted, refused, repeated, malformed, undelivered, denied;
    } counters;
};

/* Whether nothing more may be taken in, and why. */
bool intake_is_full(const struct gateway *gateway, struct refusal *refusal);

/* Judges one command of who speaks as `user`; when it is good, applies and appends it. */
void intake_take(struct gateway *gateway, const struct submission *submission, struct bytes user,
                 struct effects *effects, struct verdict *verdict);

/* Appends a tick with the world's time, or with that of the last tick when the clock was set back
 * in between. */
void intake_tick(struct gateway *gateway, struct effects *effects);

/* Appends the rules of the configuration. */
void intake_rules(struct gateway *gateway, struct effects *effects);

/* Appends the key of the first admin. */
void intake_first_admin(struct gateway *gateway, struct effects *effects);

/* Applies a command about keys. False with a refusal when it has no effect. */
bool keys_apply(struct gateway *gateway, uint16_t kind, const union command *command,
                uint32_t actor, struct refusal *refusal);

/* Hands the keys over when they changed. */
void keys_hand_over(struct gateway *gateway);
void keys_save(struct gateway *gateway, uint8_t table, struct rows_out *rows);
MUST_USE enum status keys_load(struct gateway *gateway, struct bytes key, struct bytes value);

/* Answers a lookup of keys on the control socket. */
MUST_USE enum status keys_lookup(struct gateway *gateway, struct bytes body, struct buffer *answer);

/* Takes an entry of the journal in again. STATUS_CORRUPT when it makes no sense. */
MUST_USE enum status intake_restore(struct gateway *gateway, const struct entry *entry);

#endif
