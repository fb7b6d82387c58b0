/*
 * watch.h - a feed that a role reads beside its upstream feed: who may come in.
 *
 * What is watched changes none of the role's own entries, so it needs no place in its order and is
 * there within milliseconds, however far the role is behind with its work. The role takes every
 * entry once and in order; it keeps what it made of them and how far it came in its rows, and takes
 * the rest again after a restart.
 */
#ifndef NODE_WATCH_H
#define NODE_WATCH_H

#include "node/stage.h"

#define WATCH_UPSTREAM 1u /* Its number for world->ask. */

struct watch {
    const struct role *role; /* Has watch, watched and watch_reached. */
    void *state;
    const struct world *world;
    uint64_t next;       /* The entry to take next. */
    uint64_t last_known; /* The last one that the feed is known to have. */
    uint64_t asked_ms;   /* When it was asked for, 0: not since the last one came. */
    bool has_head;       /* The feed has said how far it goes. */
};

/* After the role's rows are loaded. All are borrowed. */
void watch_start(struct watch *watch, const struct role *role, void *state,
                 const struct world *world);

void watch_head(struct watch *watch, const struct journal_head *head);
void watch_entries(struct watch *watch, struct bytes stored);
void watch_timer(struct watch *watch); /* Asks again for what did not come. */

#endif
