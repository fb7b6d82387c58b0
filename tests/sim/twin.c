/*
 * twin.c - a second gateway over an older copy of the journal.
 *
 * It hears what clients say, under the ids that the first one knows, and what it takes in goes to
 * match under numbers that the first one has given. Its answers reach nobody. Only entries of one
 * of the two may take effect: match must stop, and goes on when the first one is back.
 */
#include "core/model/record.h"
#include "proto/messages.h"
#include "tests/sim/oracle.h"

#include <stdlib.h>

#define DOWN_US_MIN 20000
#define DOWN_US_MAX 2000000
#define TWIN_US_MIN 500000
#define TWIN_US_MAX 12000000
#define LATE_US 15000000 /* What it said may still be on its way, to a role that stands still. */

bool twin_runs(const struct node *node)
{
    return node->original != NULL;
}

bool twin_may_be_heard(const struct node *node)
{
    return twin_runs(node) ||
           (node->twin_end_us > 0 && node->sim->now_us < node->twin_end_us + LATE_US);
}

/* Where match stands for good no copy may be at its end: it could go on from there. */
static bool is_copy_behind(const struct node *gateway)
{
    const struct storage *storage = &gateway->storage;

    return storage->older.is_kept &&
           storage->older.head.last < node_cursor(&gateway->sim->nodes[NODE_MATCH]);
}

void twin_begin(struct sim *sim, struct draw *draw)
{
    struct node *gateway = &sim->nodes[NODE_GATEWAY];

    if (!node_is_up(gateway) || twin_runs(gateway) || !is_copy_behind(gateway)) {
        return;
    }
    node_end(gateway, draw_tail(draw, DOWN_US_MIN, DOWN_US_MAX));
    storage_repair(&gateway->storage);
    gateway->twin_from = node_cursor(&sim->nodes[NODE_MATCH]);
    gateway->original = memory_take(1, sizeof *gateway->original);
    storage_copy(gateway->original, &gateway->storage);
    ENSURE(storage_fall_back(&gateway->storage));
    sim_push(sim, draw_tail(draw, TWIN_US_MIN, TWIN_US_MAX),
             (struct happening){.kind = EVENT_TWIN, .target = NODE_GATEWAY});
}

void twin_end(struct sim *sim)
{
    struct node *gateway = &sim->nodes[NODE_GATEWAY];

    if (!twin_runs(gateway)) {
        return;
    }
    node_end(gateway, DOWN_US_MIN);
    twin_forget(gateway);
    gateway->twin_end_us = sim->now_us;
}

/* The first gateway's journal comes back. */
void twin_forget(struct node *gateway)
{
    storage_deinit(&gateway->storage);
    gateway->storage = *gateway->original;
    free(gateway->original);
    gateway->original = NULL;
}

/* With a clock that stands still it may say the very same, and what it says then is what match
 * waits for: that is no branch. */
static bool says_the_same(const struct node *gateway)
{
    return gateway->storage.head.last >= gateway->twin_from &&
           bytes_equal(storage_entry(&gateway->storage, gateway->twin_from),
                       storage_entry(gateway->original, gateway->twin_from));
}

static void look_for_ids(const struct node *gateway)
{
    const struct batch *batch = gateway->pending;
    struct arena arena = {0};

    for (size_t i = 0; i < batch->entry_count; i++) {
        struct intake intake;
        struct refusal refusal;
        arena_reset(&arena);
        if (proto_decode(&INTAKE, batch_body(batch, i), &arena, &intake, &refusal) == STATUS_OK &&
            oracle_has_taken(gateway->sim, intake.id)) {
            sim_seen(gateway->sim, SEEN_ID_TWICE);
        }
    }
    arena_deinit(&arena);
}

void twin_wrote(struct node *gateway)
{
    if (says_the_same(gateway)) {
        twin_end(gateway->sim);
    } else {
        look_for_ids(gateway);
    }
}
