#include "core/access/registry.h"

#include <stdlib.h>
#include <string.h>

#define ROW_SIZE (1 + 8 + 8 + 8 + 4 + 4 + 4 + KEY_TEXT_SIZE) /* The party's id follows. */

const char *key_state_name(enum key_state state)
{
    switch (state) {
    case KEY_PENDING:
        return "pending";
    case KEY_ACTIVE:
        return "active";
    case KEY_REVOKED:
        return "revoked";
    }
    UNREACHABLE();
}

uint32_t registry_find(const struct registry *registry, struct bytes text)
{
    uint32_t index = names_find(&registry->texts, text);
    return index == NAME_NONE ? 0 : index + 1;
}

static struct registered_key *item(const struct registry *registry, uint32_t number)
{
    ENSURE(number > 0);
    ENSURE(number <= registry->texts.count);
    return &registry->items[number - 1];
}

const struct registered_key *registry_key(const struct registry *registry, uint32_t number)
{
    return item(registry, number);
}

struct bytes registry_text(const struct registry *registry, uint32_t number)
{
    return names_text(&registry->texts, number - 1);
}

struct bytes registry_party(const struct registry *registry, uint32_t number)
{
    return names_text(&registry->parties, item(registry, number)->party);
}

bool registry_is_live(const struct registry *registry, uint32_t number, uint64_t now_ms)
{
    const struct registered_key *key = item(registry, number);

    return key->state == KEY_ACTIVE && now_ms >= key->from && now_ms < key->to;
}

uint32_t registry_holder(const struct registry *registry, uint32_t number)
{
    return number == KEY_LOCAL || number == KEY_GATEWAY ? number : item(registry, number)->holder;
}

bool registry_has_admin(const struct registry *registry)
{
    for (uint32_t i = 0; i < registry->texts.count; i++) {
        if ((registry->items[i].roles & ROLE_ADMIN) != 0) {
            return true;
        }
    }
    return false;
}

/* Whether the actor may do what only admins may. Days do not count here: who is not heard any
 * more does not come this far, and a replay has no clock. */
static bool is_admin(const struct registry *registry, uint32_t actor)
{
    if (actor == KEY_LOCAL || actor == KEY_GATEWAY) {
        return true;
    }
    const struct registered_key *key = item(registry, actor);
    return key->state == KEY_ACTIVE && (key->roles & ROLE_ADMIN) != 0;
}

/* Whether the actor speaks for itself: with this key, or with one that was rotated from or to it.
 */
static bool is_holder(const struct registry *registry, uint32_t actor, uint32_t number)
{
    return actor != KEY_LOCAL && actor != KEY_GATEWAY &&
           item(registry, actor)->state == KEY_ACTIVE &&
           registry_holder(registry, actor) == registry_holder(registry, number);
}

static uint32_t add(struct registry *registry, struct bytes text, const struct registered_key *key)
{
    uint32_t number = names_add(&registry->texts, text) + 1;

    ENSURE(number == registry->texts.count);
    GROW(registry->items, registry->capacity, (size_t)number);
    registry->items[number - 1] = *key;
    return number;
}

static enum key_outcome check_new(const struct registry *registry, struct bytes text)
{
    if (registry_find(registry, text) != 0) {
        return KEY_CONFLICT;
    }
    return registry->texts.count >= REGISTRY_KEY_COUNT_MAX ? KEY_FULL : KEY_DONE;
}

static enum key_outcome register_key(struct registry *registry, const struct key_register *command,
                                     uint32_t actor, uint32_t *number)
{
    enum key_outcome outcome =
        is_admin(registry, actor) ? check_new(registry, command->key) : KEY_DENIED;

    if (outcome != KEY_DONE) {
        return outcome;
    }
    *number = add(registry, command->key,
                  &(struct registered_key){
                      .state = (command->roles & ROLES_HIGH) != 0 ? KEY_PENDING : KEY_ACTIVE,
                      .roles = command->roles,
                      .from = command->from == TIME_NONE ? 0 : command->from,
                      .to = command->to,
                      .party = names_add(&registry->parties, command->party),
                      .registrant = registry_holder(registry, actor),
                      .holder = registry->texts.count + 1,
                  });
    return KEY_DONE;
}

/* The gateway stands for the one who made its configuration, which is the second one here. */
static enum key_outcome confirm(struct registry *registry, uint32_t number, uint32_t actor)
{
    struct registered_key *key = item(registry, number);
    bool is_second = actor == KEY_GATEWAY || registry_holder(registry, actor) != key->registrant;

    if (!is_admin(registry, actor)) {
        return KEY_DENIED;
    }
    if (key->state != KEY_PENDING) {
        return KEY_STATE;
    }
    if (!is_second) {
        return KEY_DENIED;
    }
    key->state = KEY_ACTIVE;
    return KEY_DONE;
}

/* An admin who could rotate another one's high key could become that one. */
static bool may_rotate(const struct registry *registry, uint32_t number, uint32_t actor)
{
    bool is_high = (item(registry, number)->roles & ROLES_HIGH) != 0;

    return is_holder(registry, actor, number) || (is_admin(registry, actor) && !is_high);
}

static enum key_outcome rotate(struct registry *registry, const struct key_rotate *command,
                               uint32_t number, uint32_t actor, uint32_t *next)
{
    struct registered_key old = *item(registry, number);

    if (!may_rotate(registry, number, actor)) {
        return KEY_DENIED;
    }
    if (old.state != KEY_ACTIVE || old.next != 0) {
        return KEY_STATE;
    }
    enum key_outcome outcome = check_new(registry, command->next);
    if (outcome != KEY_DONE) {
        return outcome;
    }
    *next = add(registry, command->next, &old);
    item(registry, number)->next = *next;
    item(registry, number)->to = min_u64(old.to, command->until);
    return KEY_DONE;
}

/* Also what it was rotated to: who stole it may have made that. */
static enum key_outcome revoke(struct registry *registry, uint32_t number, uint32_t actor)
{
    if (!is_admin(registry, actor) && !is_holder(registry, actor, number)) {
        return KEY_DENIED;
    }
    if (item(registry, number)->state == KEY_REVOKED) {
        return KEY_STATE;
    }
    for (uint32_t at = number; at != 0; at = item(registry, at)->next) {
        item(registry, at)->state = KEY_REVOKED;
    }
    return KEY_DONE;
}

enum key_outcome registry_apply(struct registry *registry, uint16_t kind,
                                const union command *command, uint32_t actor, uint32_t *number)
{
    ENSURE(kind_is_of_key(kind));
    if (kind == KIND_KEY_REGISTER) {
        return register_key(registry, &command->key_register, actor, number);
    }
    struct bytes text = kind == KIND_KEY_ROTATE   ? command->key_rotate.key
                        : kind == KIND_KEY_REVOKE ? command->key_revoke.key
                                                  : command->key_confirm.key;
    uint32_t found = registry_find(registry, text);
    if (found == 0) {
        return is_admin(registry, actor) ? KEY_UNKNOWN : KEY_DENIED;
    }
    if (kind == KIND_KEY_ROTATE) {
        return rotate(registry, &command->key_rotate, found, actor, number);
    }
    enum key_outcome outcome =
        kind == KIND_KEY_CONFIRM ? confirm(registry, found, actor) : revoke(registry, found, actor);
    if (outcome == KEY_DONE) {
        *number = found;
    }
    return outcome;
}

/* --- Rows ------------------------------------------------------------------------------ */

void registry_save(const struct registry *registry, uint32_t number, struct buffer *target)
{
    const struct registered_key *key = item(registry, number);
    struct bytes party = registry_party(registry, number);
    uint8_t *row = buffer_extend(target, ROW_SIZE);

    row[0] = key->state;
    store_u64(row + 1, key->roles);
    store_u64(row + 9, key->from);
    store_u64(row + 17, key->to);
    store_u32(row + 25, key->registrant);
    store_u32(row + 29, key->holder);
    store_u32(row + 33, key->next);
    memcpy(row + 37, registry_text(registry, number).data, KEY_TEXT_SIZE);
    buffer_append(target, party.data, party.size);
}

enum status registry_restore(struct registry *registry, uint32_t number, struct bytes row)
{
    if (row.size <= ROW_SIZE || number != registry->texts.count + 1 || row.data[0] < KEY_PENDING ||
        row.data[0] > KEY_REVOKED) {
        return STATUS_CORRUPT;
    }
    struct bytes text = {row.data + 37, KEY_TEXT_SIZE};
    struct bytes party = {row.data + ROW_SIZE, row.size - ROW_SIZE};
    struct registered_key key = {
        .state = row.data[0],
        .roles = load_u64(row.data + 1),
        .from = load_u64(row.data + 9),
        .to = load_u64(row.data + 17),
        .registrant = load_u32(row.data + 25),
        .holder = load_u32(row.data + 29),
        .next = load_u32(row.data + 33),
    };
    if (key.holder == 0 || key.holder > number || (key.next != 0 && key.next <= number) ||
        registry_find(registry, text) != 0) {
        return STATUS_CORRUPT;
    }
    key.party = names_add(&registry->parties, party);
    add(registry, text, &key);
    return STATUS_OK;
}

void registry_deinit(struct registry *registry)
{
    names_deinit(&registry->texts);
    names_deinit(&registry->parties);
    free(registry->items);
    *registry = (struct registry){0};
}
