/*
 * keys.c - who may follow what: the registry of keys in the dispatcher.
 *
 * It is folded from the intake feed itself, beside the assignment feed, so that a revoked key is
 * known here at once, however long the decision takes that stands before it.
 */
#include "brokers/dispatch/state.h"
#include "core/access/rights.h"
#include "node/keyring.h"

void dispatch_watch(void *state, const struct entry *entry)
{
    struct dispatch *dispatch = state;
    struct registry *registry = &dispatch->registry;
    uint32_t number = 0;

    dispatch->watched = entry->seq;
    if (!kind_is_of_key(entry->kind)) {
        return;
    }
    arena_reset(&dispatch->arena);
    if (keyring_fold(registry, entry, &dispatch->arena, &number) != STATUS_OK) {
        dispatch->world->fail(dispatch->world->context,
                              "the intake feed says something about keys that makes no sense");
        return;
    }
    for (uint32_t at = registry_holder(registry, number); at != 0;
         at = registry_key(registry, at)->next) {
        dirty_note(&dispatch->dirty_keys, at);
    }
    dispatch->has_new_keys = true;
}

uint64_t dispatch_watched(const void *state)
{
    const struct dispatch *dispatch = state;
    return dispatch->watched;
}

/* Nobody comes in by a key before all that is known about keys is known here. */
void dispatch_watch_reached(void *state)
{
    struct dispatch *dispatch = state;

    if (dispatch->has_new_keys) {
        dispatch->has_new_keys = false;
        dispatch->world->admit(dispatch->world->context, &dispatch->registry);
        dispatch_pump(dispatch); /* Who is muted from now on. */
    }
}

void dispatch_save_keys(struct dispatch *dispatch, uint8_t keys_table, uint8_t watched_table,
                        struct rows_out *rows)
{
    uint8_t key[4];
    uint8_t watched[8];

    for (size_t i = 0; i < dispatch->dirty_keys.count; i++) {
        dispatch->scratch.size = 0;
        registry_save(&dispatch->registry, dispatch->dirty_keys.items[i], &dispatch->scratch);
        store_u32_be(key, dispatch->dirty_keys.items[i]);
        rows_put(rows, keys_table, (struct bytes){key, sizeof key},
                 buffer_view(&dispatch->scratch));
    }
    dirty_clear(&dispatch->dirty_keys);
    store_u64(watched, dispatch->watched);
    rows_put(rows, watched_table, (struct bytes){0}, (struct bytes){watched, sizeof watched});
}

enum status dispatch_load_key(struct dispatch *dispatch, struct bytes key, struct bytes value)
{
    return key.size == 4 ? registry_restore(&dispatch->registry, load_u32_be(key.data), value)
                         : STATUS_CORRUPT;
}

bool dispatch_find_key(const struct dispatch *dispatch, struct bytes user, uint32_t *key)
{
    *key = user.size == 0 ? KEY_LOCAL : registry_find(&dispatch->registry, user);
    return user.size == 0 ||
           (*key != 0 && registry_is_live(&dispatch->registry, *key, dispatch->now_ms));
}

bool dispatch_may_follow(const struct dispatch *dispatch, uint32_t key, struct bytes party)
{
    if (key == KEY_LOCAL) {
        return true;
    }
    bool is_own = party.size > 0 && bytes_equal(party, registry_party(&dispatch->registry, key));
    return registry_is_live(&dispatch->registry, key, dispatch->now_ms) &&
           rights_allow_stream(registry_key(&dispatch->registry, key)->roles, is_own);
}
