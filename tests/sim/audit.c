/*
 * audit.c - slow looks at everything: the chain of each feed, the plan's own proof, everything
 * decided again from nothing.
 */
#include "node/silent_world.h"
#include "tests/sim/model.h"
#include "workers/allocate/internal.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE ((size_t)16 * 1024)
#define AGAIN_SHARE 4 /* One run in so many is decided again. */

/* --- The feeds
 * ------------------------------------------------------------------------------------ */

/* What became durable since the last look is what it was, in an unbroken chain. */
static void verify_feed(struct sim *sim, const struct node *node)
{
    struct oracle *oracle = sim->oracle;
    uint64_t *verified = &oracle->feeds[node->number].verified;
    uint8_t *chain = oracle->feeds[node->number].chain;
    struct entry entry;

    if (node->storage.flipped_bits != 0 || twin_runs(node)) {
        return;
    }
    while (*verified < node->storage.head.last) {
        struct bytes stored = storage_entry(&node->storage, ++*verified);
        if (entry_load(&stored, &entry) != STATUS_OK || entry.seq != *verified ||
            !entry_follows(chain, &entry)) {
            sim_violated(sim, "feed %u: the chain breaks at entry %llu", node->number,
                         (unsigned long long)*verified);
        }
        memcpy(chain, entry.chain, CHAIN_SIZE);
    }
}

static void certify_plan(struct sim *sim)
{
    const struct node *node = &sim->nodes[NODE_ALLOCATE];
    const struct allocate *allocate = node->state;
    char problem[160];

    if (node_is_up(node) && stage_is_live(node->stage) && plan_is_settled(allocate->plan) &&
        allocate->seq > 0 && !plan_certify(allocate->plan, problem)) {
        sim_violated(sim, "the plan is not what it must be: %s", problem);
    }
}

void oracle_audit(struct sim *sim)
{
    sim->figures->audits++;
    for (size_t i = 0; i < NODE_COUNT; i++) {
        verify_feed(sim, &sim->nodes[i]);
    }
    certify_plan(sim);
}

/* --- Everything again
 * ----------------------------------------------------------------------------- */

/* The context of a silent world whose commits are compared. */
struct again {
    struct sim *sim;
    const struct node *node;
    struct batch *pending;
    uint64_t compared;
    uint8_t chain[CHAIN_SIZE];
};

static void again_commit(void *context, struct batch *batch)
{
    struct again *again = context;
    again->pending = batch;
}

static void again_fail(void *context, const char *message)
{
    const struct again *again = context;
    sim_violated(again->sim, "feed %u decided again: %s", again->node->number, message);
}

static void compare_batch(struct again *again, struct batch *batch)
{
    const struct storage *storage = &again->node->storage;

    for (size_t i = 0; i < batch->entry_count; i++) {
        struct entry *made = &batch->entries[i];
        struct bytes stored = {0};
        struct entry entry = {0};
        if (made->seq > storage->head.last) {
            sim_violated(again->sim, "feed %u decided again is longer", again->node->number);
        }
        stored = storage_entry(storage, made->seq);
        enum status status = entry_load(&stored, &entry);
        made->body = batch_body(batch, i);
        made->version = entry.version; /* Whichever program wrote it. */
        entry_chain(again->chain, made, made->chain);
        memcpy(again->chain, made->chain, CHAIN_SIZE);
        if (status != STATUS_OK || memcmp(entry.chain, made->chain, CHAIN_SIZE) != 0) {
            sim_violated(again->sim, "feed %u decided again differs at entry %llu",
                         again->node->number, (unsigned long long)made->seq);
        }
        again->compared++;
    }
}

static void step_all(struct again *again, struct stage *stage, const struct storage *upstream)
{
    struct buffer chunk = {0};
    uint64_t from = 1;

    while (from <= upstream->head.last) {
        chunk.size = 0;
        while (from <= upstream->head.last && chunk.size < CHUNK_SIZE) {
            struct bytes stored = storage_entry(upstream, from++);
            buffer_append(&chunk, stored.data, stored.size);
        }
        stage_entries(stage, 0, buffer_view(&chunk));
        while (again->pending != NULL) {
            struct batch *batch = again->pending;
            again->pending = NULL;
            compare_batch(again, batch);
            stage_committed(stage, batch, STATUS_OK);
        }
    }
    buffer_deinit(&chunk);
}

static void decide_again(struct sim *sim, enum node_number number)
{
    struct again again = {.sim = sim, .node = &sim->nodes[number]};
    struct world world = silent_world(&again);
    struct stage_options options = {
        .role = &sim->nodes[number].program,
        .state = node_role_open(number, &sim->knobs),
        .world = &world,
        .checkpoint_entries = SIZE_MAX,
    };
    struct journal_head empty = {.oldest = 1};
    struct stage *stage = NULL;

    world.commit = again_commit;
    world.fail = again_fail;
    ENSURE(stage_open(&options, &stage) == STATUS_OK);
    ENSURE(stage_begin(stage, &empty) == STATUS_OK);
    step_all(&again, stage, &sim->nodes[number - 1].storage);
    if (again.compared != sim->nodes[number].storage.head.last) {
        sim_violated(sim, "feed %u decided again is shorter", number);
    }
    stage_close(stage);
    node_role_close(number, options.state); /* It gives back what it had from the world. */
}

/* --- The end
 * -------------------------------------------------------------------------------------- */

static void check_all_answered(struct sim *sim)
{
    const struct oracle *oracle = sim->oracle;

    for (uint64_t i = oracle->answered_upto + 1; i <= oracle->feeds[NODE_GATEWAY].taken; i++) {
        uint16_t kind = oracle->intake[i].kind;
        if (kind >= KIND_ASSIGNMENT_ACCEPT && kind <= KIND_ASSIGNMENT_CANCEL) {
            sim_violated(sim, "an answer at intake entry %llu was never decided",
                         (unsigned long long)i);
        }
    }
    if (oracle->told_count != sim->nodes[NODE_DISPATCH].storage.head.last) {
        sim_violated(sim, "dispatch has not told everything");
    }
}

/* The figures that the role shows are the sums of what it told. */
static void check_report(struct sim *sim)
{
    const struct oracle *oracle = sim->oracle;
    struct buffer body = {0};
    struct report report;
    uint64_t promised = 0;
    uint64_t received = 0;

    for (uint64_t i = 1; i <= oracle->assignment_count; i++) {
        uint32_t state = oracle->assignments[i].state;
        received += state == ASSIGNMENT_RECEIVED ? oracle->assignments[i].quantity : 0;
        promised += state < ASSIGNMENT_RECEIVED ? oracle->assignments[i].quantity : 0;
    }
    arena_reset(&sim->oracle->arena);
    stage_report(sim->nodes[NODE_ALLOCATE].stage, 1, &body);
    model_decode(sim, &REPORT, buffer_view(&body), &report);
    const struct counter *counters = report.counters.items;
    for (size_t i = 0; i < report.counters.count; i++) {
        bool is_promised = bytes_equal(counters[i].name, bytes_from_text("units_promised"));
        bool is_received = bytes_equal(counters[i].name, bytes_from_text("units_received"));
        if ((is_promised && counters[i].value != promised) ||
            (is_received && counters[i].value != received)) {
            sim_violated(sim, "%.*s is %llu, and the sum of what was told is not",
                         BYTES_ARGS(counters[i].name), (unsigned long long)counters[i].value);
        }
    }
    buffer_deinit(&body);
}

void oracle_audit_end(struct sim *sim)
{
    oracle_audit(sim);
    model_fold_upto(sim, sim->oracle->feeds[NODE_GATEWAY].taken);
    model_check_sums(sim);
    model_check_doubts(sim);
    check_all_answered(sim);
    check_report(sim);
    if (sim->scenario->seed % AGAIN_SHARE == 0) {
        decide_again(sim, NODE_MATCH);
        decide_again(sim, NODE_ALLOCATE);
        decide_again(sim, NODE_DISPATCH);
    }
}
