/*
 * keys.c - the registry of keys in the gateway: commands, rows, what is handed over and shown.
 */
#include "brokers/gateway/state.h"

#include <stdio.h>

#define ROW_COUNT_MAX 256

static void refuse(struct refusal *refusal, const char *code, const char *why)
{
    refusal->code = code;
    snprintf(refusal->field, sizeof refusal->field, "key");
    snprintf(refusal->why, sizeof refusal->why, "%s", why);
}

static bool is_admin(const struct gateway *gateway, uint32_t actor)
{
    return actor == KEY_LOCAL || actor == KEY_GATEWAY ||
           (registry_key(&gateway->registry, actor)->roles & ROLE_ADMIN) != 0;
}

static void explain(const struct gateway *gateway, enum key_outcome outcome, uint32_t actor,
                    struct refusal *refusal)
{
    switch (outcome) {
    case KEY_DONE:
        return;
    case KEY_UNKNOWN:
        refuse(refusal, CODE_UNKNOWN, "no such key is registered");
        return;
    case KEY_CONFLICT:
        refuse(refusal, CODE_CONFLICT, "this key was registered before: make a new one");
        return;
    case KEY_STATE:
        refuse(refusal, CODE_STATE, "not possible in the state the key is in");
        return;
    case KEY_FULL:
        refuse(refusal, CODE_FULL, "the limit of keys is reached");
        return;
    case KEY_DENIED:
        if (is_admin(gateway, actor)) {
            refuse(refusal, CODE_DENIED,
                   "another one must do this: a second admin confirms, and "
                   "a key with a high role is rotated by its holder");
        } else {
            speaker_deny(refusal);
        }
        return;
    }
    UNREACHABLE();
}

bool keys_apply(struct gateway *gateway, uint16_t kind, const union command *command,
                uint32_t actor, struct refusal *refusal)
{
    struct registry *registry = &gateway->registry;
    uint32_t number = 0;
    enum key_outcome outcome = registry_apply(registry, kind, command, actor, &number);

    if (outcome != KEY_DONE) {
        explain(gateway, outcome, actor, refusal);
        return false;
    }
    /* A rotation and a revocation change keys along the chain as well. */
    for (uint32_t at = registry_holder(registry, number); at != 0;
         at = registry_key(registry, at)->next) {
        dirty_note(&gateway->dirty_keys, at);
    }
    gateway->has_new_keys = true;
    return true;
}

void keys_hand_over(struct gateway *gateway)
{
    if (gateway->has_new_keys) {
        gateway->has_new_keys = false;
        gateway->world->admit(gateway->world->context, &gateway->registry);
    }
}

void keys_save(struct gateway *gateway, uint8_t table, struct rows_out *rows)
{
    uint8_t key[4];

    for (size_t i = 0; i < gateway->dirty_keys.count; i++) {
        gateway->scratch.size = 0;
        registry_save(&gateway->registry, gateway->dirty_keys.items[i], &gateway->scratch);
        store_u32_be(key, gateway->dirty_keys.items[i]);
        rows_put(rows, table, (struct bytes){key, sizeof key}, buffer_view(&gateway->scratch));
    }
    dirty_clear(&gateway->dirty_keys);
}

enum status keys_load(struct gateway *gateway, struct bytes key, struct bytes value)
{
    return key.size == 4 ? registry_restore(&gateway->registry, load_u32_be(key.data), value)
                         : STATUS_CORRUPT;
}

static struct bytes encode_row(struct gateway *gateway, uint32_t number)
{
    const struct registered_key *key = registry_key(&gateway->registry, number);
    struct key_row row = {
        .number = number,
        .key = registry_text(&gateway->registry, number),
        .party = registry_party(&gateway->registry, number),
        .roles = key->roles,
        .state = bytes_from_text(key_state_name((enum key_state)key->state)),
        .from = key->from == 0 ? TIME_NONE : key->from,
        .to = key->to,
        .next = key->next == 0 ? (struct bytes){0} : registry_text(&gateway->registry, key->next),
    };

    gateway->scratch.size = 0;
    proto_encode(&KEY_ROW, &row, &gateway->scratch);
    return arena_copy(&gateway->arena, buffer_view(&gateway->scratch));
}

static bool is_wanted(const struct gateway *gateway, const struct lookup *request, uint32_t number)
{
    const struct registered_key *key = registry_key(&gateway->registry, number);
    const char *state = key_state_name((enum key_state)key->state);

    return (request->id.size == 0 ||
            bytes_equal(request->id, registry_text(&gateway->registry, number))) &&
           (request->party.size == 0 ||
            bytes_equal(request->party, registry_party(&gateway->registry, number))) &&
           (request->state.size == 0 || bytes_equal(request->state, bytes_from_text(state)));
}

enum status keys_lookup(struct gateway *gateway, struct bytes body, struct buffer *answer)
{
    struct raw_item items[ROW_COUNT_MAX];
    struct refusal refusal;
    struct lookup request;
    size_t count = 0;

    arena_reset(&gateway->arena);
    if (proto_decode(&LOOKUP, body, &gateway->arena, &request, &refusal) != STATUS_OK) {
        return STATUS_MALFORMED;
    }
    if (!bytes_equal(request.what, bytes_from_text("key"))) {
        return STATUS_NOT_FOUND;
    }
    uint64_t limit = request.limit == 0 ? ROW_COUNT_MAX : min_u64(request.limit, ROW_COUNT_MAX);
    uint64_t number = max_u64(request.from, 1);
    uint64_t last = registry_count(&gateway->registry);
    for (; number <= last && count < limit; number++) {
        if (is_wanted(gateway, &request, (uint32_t)number)) {
            items[count++].value = encode_row(gateway, (uint32_t)number);
        }
    }
    struct rows rows = {.next = number <= last ? number : 0,
                        .rows = {.items = items, .count = count}};
    proto_encode(&ROWS, &rows, answer);
    return STATUS_OK;
}
