#include "node/watch.h"

#define ASK_AGAIN_MS 300

void watch_start(struct watch *watch, const struct role *role, void *state,
                 const struct world *world)
{
    *watch = (struct watch){
        .role = role, .state = state, .world = world, .next = role->watched(state) + 1};
}

static void ask(struct watch *watch)
{
    uint64_t now_ms = watch->world->now_ms(watch->world->context);

    if (watch->last_known >= watch->next &&
        (watch->asked_ms == 0 || now_ms >= watch->asked_ms + ASK_AGAIN_MS)) {
        watch->asked_ms = now_ms;
        watch->world->ask(watch->world->context, WATCH_UPSTREAM, watch->next);
    }
}

static void tell_reached(struct watch *watch)
{
    if (watch->has_head && watch->next > watch->last_known) {
        watch->role->watch_reached(watch->state);
    }
}

void watch_head(struct watch *watch, const struct journal_head *head)
{
    if (head->oldest > watch->next) {
        watch->world->fail(watch->world->context,
                           "the gateway no longer keeps the keys that are missing here: restore "
                           "both from one backup");
        return;
    }
    watch->has_head = true;
    watch->last_known = max_u64(watch->last_known, head->last);
    tell_reached(watch);
    ask(watch);
}

void watch_entries(struct watch *watch, struct bytes stored)
{
    struct entry entry;

    while (stored.size > 0 && entry_load(&stored, &entry) == STATUS_OK) {
        watch->last_known = max_u64(watch->last_known, entry.seq);
        if (entry.seq == watch->next) {
            watch->role->watch(watch->state, &entry);
            watch->next++;
            watch->asked_ms = 0;
        }
    }
    tell_reached(watch);
    ask(watch);
}

void watch_timer(struct watch *watch)
{
    ask(watch);
}
