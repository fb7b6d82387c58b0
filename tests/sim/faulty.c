/*
 * faulty.c - faults that come by themselves, each class at its own mean interval.
 */
#include "tests/sim/network.h"
#include "tests/sim/sim.h"

#define DOWN_US_MIN 20000
#define DOWN_US_MAX 4000000
#define CUT_US_MIN 20000
#define CUT_US_MAX 12000000
#define HEARTBEAT_US 6000000 /* After which a connection without a sign of life ends. */
#define PAUSE_US_MIN 10000
#define PAUSE_US_MAX 5000000
#define CALM_PAUSE_US 1000000
#define LOW_US_MAX 8000000
#define JUMP_MS_SMALL 10000

static void plan(struct sim *sim, enum fault fault)
{
    uint64_t mean_us = sim->faults.interval_us[fault];

    if (mean_us > 0 && sim->faults.is_on[fault]) {
        sim_push(sim, draw_between(&sim->faults.draws[fault], mean_us / 8, mean_us * 2),
                 (struct happening){.kind = EVENT_FAULT, .target = fault});
    }
}

void faulty_plan(struct sim *sim)
{
    for (enum fault fault = 0; fault < FAULT_COUNT; fault++) {
        plan(sim, fault);
    }
}

static struct node *any_node(struct sim *sim, struct draw *draw)
{
    return &sim->nodes[draw_below(draw, NODE_COUNT)];
}

static struct client *any_client(struct sim *sim, struct draw *draw)
{
    return sim->clients[draw_below(draw, sim->knobs.client_count)];
}

/* A client that no longer hears its broker finds out by itself. */
static void lose_connections(struct sim *sim, uint32_t client, uint32_t node, uint64_t duration_us)
{
    uint32_t number = client * 2 + (node == NODE_DISPATCH);

    if (duration_us > HEARTBEAT_US && (node == NODE_GATEWAY || node == NODE_DISPATCH)) {
        sim_push(sim, HEARTBEAT_US, (struct happening){.kind = EVENT_BREAK, .target = number});
    }
}

static void cut(struct sim *sim, struct draw *draw)
{
    uint64_t duration_us = draw_tail(draw, CUT_US_MIN, CUT_US_MAX);
    uint32_t left = (uint32_t)draw_below(draw, NODE_COUNT);
    uint32_t right = (uint32_t)draw_below(draw, (uint64_t)NODE_COUNT + sim->knobs.client_count);
    uint64_t ways = draw_below(draw, 3);

    if (ways != 1) {
        network_cut(sim, left, right, duration_us);
    }
    if (ways != 2) {
        network_cut(sim, right, left, duration_us);
    }
    if (right >= NODE_COUNT) {
        lose_connections(sim, right - NODE_COUNT, left, duration_us);
    }
}

static void fall_back(struct sim *sim, struct draw *draw)
{
    struct node *node = &sim->nodes[draw_between(draw, NODE_MATCH, NODE_DISPATCH)];

    if (node_is_up(node)) {
        node_end(node, draw_tail(draw, DOWN_US_MIN, DOWN_US_MAX));
        storage_repair(&node->storage);
        node->fell_back = storage_fall_back(&node->storage) || node->fell_back;
    }
}

static void stop(struct sim *sim, struct draw *draw)
{
    struct node *node = any_node(sim, draw);

    if (node_is_up(node)) {
        node->is_stopping = true;
    }
}

static void set_clock(struct sim *sim, struct draw *draw)
{
    struct node *node = any_node(sim, draw);
    uint64_t most_ms = draw_below(draw, 2) == 0 ? JUMP_MS_SMALL : (uint64_t)DAY_MS * 3 / 2;
    uint64_t jump_ms = draw_between(draw, 1, most_ms);

    if (draw_below(draw, 3) == 0) {
        node->clock_offset_ms -= min_u64(node->clock_offset_ms, jump_ms);
    } else {
        node->clock_offset_ms += jump_ms;
    }
}

static void flip(struct sim *sim, struct draw *draw)
{
    (void)storage_flip(&any_node(sim, draw)->storage, draw);
}

static void silence(struct sim *sim, struct draw *draw)
{
    client_silence(any_client(sim, draw), draw_tail(draw, PAUSE_US_MIN, PAUSE_US_MAX));
}

static void stand_still(struct node *node, uint64_t duration_us)
{
    node->paused_us = max_u64(node->paused_us, node->sim->now_us + duration_us);
}

static void come(struct sim *sim, enum fault fault)
{
    struct draw *draw = &sim->faults.draws[fault];

    switch ((int)fault) {
    case FAULT_PARTITION:
        cut(sim, draw);
        break;
    case FAULT_BREAK:
        link_break(sim, (uint32_t)draw_below(draw, (uint64_t)sim->knobs.client_count * 2),
                   draw_tail(draw, 1000, CUT_US_MAX));
        break;
    case FAULT_CRASH:
        node_end(any_node(sim, draw), draw_tail(draw, DOWN_US_MIN, DOWN_US_MAX));
        break;
    case FAULT_LOW:
        sim->nodes[NODE_GATEWAY].low_until_us =
            sim->now_us + draw_tail(draw, PAUSE_US_MIN, LOW_US_MAX);
        break;
    case FAULT_FLIP:
        flip(sim, draw);
        break;
    case FAULT_TAIL:
        fall_back(sim, draw);
        break;
    case FAULT_PAUSE:
        stand_still(any_node(sim, draw), draw_tail(draw, PAUSE_US_MIN, PAUSE_US_MAX));
        break;
    case FAULT_CLOCK:
        set_clock(sim, draw);
        break;
    case FAULT_SLOW_CLIENT:
        silence(sim, draw);
        break;
    case FAULT_CLIENT_CRASH:
        client_crash(any_client(sim, draw));
        break;
    case FAULT_STOP:
        stop(sim, draw);
        break;
    case FAULT_TWIN:
        twin_begin(sim, draw);
        break;
    default:
        UNREACHABLE();
    }
}

void faulty_strike(struct sim *sim, enum fault fault)
{
    if (fault_comes(&sim->faults, fault)) {
        come(sim, fault);
    }
    if (!sim->faults.is_calm) {
        plan(sim, fault);
    }
}

/* Everything heals, and an operator has looked at every disk. */
void faulty_end(struct sim *sim)
{
    sim->faults.is_calm = true;
    twin_end(sim);
    for (size_t i = 0; i < ACTOR_COUNT; i++) {
        for (size_t j = 0; j < ACTOR_COUNT; j++) {
            sim->cut_until_us[i][j] = 0;
        }
    }
    for (size_t i = 0; i < NODE_COUNT; i++) {
        struct node *node = &sim->nodes[i];
        node->paused_us = min_u64(node->paused_us, sim->now_us + CALM_PAUSE_US);
        node->low_until_us = 0;
        if (node->storage.flipped_bits != 0) {
            sim_push(sim, 0, (struct happening){.kind = EVENT_REPAIR, .target = (uint32_t)i});
        }
    }
}
