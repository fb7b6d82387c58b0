/*
 * run.c - one run: draws its knobs, lets happen what happens, ends in a calm phase in which
 * everything must be decided.
 */
#include "tests/sim/network.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US 1000000u
#define CALM_US_MAX (300 * (uint64_t)SECOND_US) /* Then all must have been decided. */
#define DONE_LOOK_EVENTS 64
#define AUDIT_EVENTS 4096
#define EVENTS_MAX 5000000 /* Of one run: beyond it something goes round in circles. */

struct sim *sim_running;
static jmp_buf out; /* Where a violation ends the run. */

const char *const SITUATION_NAMES[SITUATION_COUNT] = {
    [SEEN_REPEATED] = "repeated",
    [SEEN_REPEATED_RESTART] = "repeated_after_restart",
    [SEEN_CONFLICT] = "conflict",
    [SEEN_FULL] = "refused_as_full",
    [SEEN_QUARANTINED] = "quarantined",
    [SEEN_RELEASED] = "released",
    [SEEN_NEED_EXPIRED] = "need_expired",
    [SEEN_OFFER_EXPIRED] = "offer_expired",
    [SEEN_CAPACITY_DROP] = "capacity_drop",
    [SEEN_ACCEPTED] = "accepted",
    [SEEN_COMMITTED] = "committed",
    [SEEN_SHIPPED] = "shipped",
    [SEEN_RECEIVED] = "received",
    [SEEN_DECLINED] = "declined",
    [SEEN_SUPERSEDED] = "superseded",
    [SEEN_CANCELLED] = "commitment_cancelled",
    [SEEN_ANSWER_REFUSED] = "answer_refused",
    [SEEN_RULES] = "rules_changed",
    [SEEN_CHECKPOINT] = "checkpoint",
    [SEEN_RECOVERY] = "recovery",
    [SEEN_REPLAY] = "replay",
    [SEEN_TRIMMED] = "trimmed",
    [SEEN_RESET_OLD] = "reset_behind",
    [SEEN_RESET_FUTURE] = "reset_beyond",
    [SEEN_BLOCKED] = "blocked",
    [SEEN_SUBSCRIBER_LIMIT] = "subscriber_limit",
    [SEEN_STREAM_RESUMED] = "stream_resumed",
    [SEEN_DAMAGE_FOUND] = "damage_found",
    [SEEN_TAIL_MADE_ANEW] = "tail_made_anew",
    [SEEN_UNKNOWN_OUTCOME] = "unknown_outcome_durable",
    [SEEN_SUBSTITUTE] = "substitute",
    [SEEN_CERTIFIED] = "certified",
    [SEEN_KEY_CONFIRMED] = "key_confirmed",
    [SEEN_KEY_ROTATED] = "key_rotated",
    [SEEN_DOUBTED] = "doubted",
    [SEEN_COMPLETED] = "completed_by_less_than_a_lot",
    [SEEN_LOT] = "lot_of_more_than_one",
    [SEEN_ID_TWICE] = "one_id_by_two_gateways",
    [SEEN_BRANCH] = "branch_found",
    [SEEN_OLDER_READ] = "older_entries_read",
    [SEEN_NEWER_REFUSED] = "newer_entries_refused",
    [SEEN_CURSOR_OF_OTHER] = "cursor_of_another",
};

/* --- What all parts use -------------------------------------------------------------- */

void sim_violated(struct sim *sim, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sim->problem, sizeof sim->problem, format, arguments);
    va_end(arguments);
    longjmp(out, 1);
}

/* The linker puts this in the place of the product's: a broken invariant ends the run, not the
 * simulator. */
_Noreturn void __wrap_ensure_failed(const char *condition, const char *file, int line);
_Noreturn void __real_ensure_failed(const char *condition, const char *file, int line);

_Noreturn void __wrap_ensure_failed(const char *condition, const char *file, int line)
{
    if (sim_running == NULL) {
        __real_ensure_failed(condition, file, line);
    }
    sim_violated(sim_running, "%s:%d: invariant broken: %s", file, line, condition);
}

void sim_push(struct sim *sim, uint64_t after_us, struct happening event)
{
    event.at_us = sim->now_us + after_us;
    queue_push(&sim->queue, event);
}

void sim_mix(struct sim *sim, uint64_t value)
{
    sim->trace = (sim->trace ^ value) * 0x9e3779b97f4a7c15u;
    sim->trace ^= sim->trace >> 29;
}

void sim_seen(struct sim *sim, enum situation situation)
{
    sim->seen[situation]++;
}

/* --- Knobs --------------------------------------------------------------------------- */

struct rules_put sim_draw_rules(struct draw *draw)
{
    struct rules_put rules = {
        .per_kilometre = draw_between(draw, 0, 3),
        .other_region = 200,
        .other_country = 2000,
        .per_day_late = 500,
        .per_substitute_rank = 100,
        .not_recyclable = draw_between(draw, 0, 20),
        .stability_bonus = draw_tail(draw, 1, 101) - 1,
        .kept_max = draw_tail(draw, 1, 32),
        .tranche_1 = draw_below(draw, 2),
    };

    if (rules.tranche_1 > 0) {
        rules.tranche_2 = 4;
        rules.tranche_3 = 16;
    }
    return rules;
}

static void draw_pace(struct sim *sim, struct draw *draw)
{
    struct knobs *knobs = &sim->knobs;

    knobs->burst_max = (uint32_t)draw_tail(draw, 1, 32);
    knobs->think_us = (uint32_t)draw_tail(draw, 5000, 500000);
    knobs->window = (uint32_t)draw_tail(draw, 1, 64);
    knobs->timeout_ms = (uint32_t)draw_tail(draw, 200, 5000);
    knobs->latency_us_min = (uint32_t)draw_tail(draw, 20, 2000);
    knobs->latency_us_max = knobs->latency_us_min + (uint32_t)draw_tail(draw, 20, 30000);
    knobs->commit_us_min = (uint32_t)draw_tail(draw, 100, 8000);
    knobs->commit_us_max = knobs->commit_us_min + (uint32_t)draw_tail(draw, 100, 20000);
    knobs->calm_us = draw_between(draw, 5, 60) * SECOND_US;
    knobs->has_slow_steps = draw_below(draw, 4) == 0;
}

static void draw_limits(struct sim *sim, struct draw *draw)
{
    struct knobs *knobs = &sim->knobs;

    for (size_t i = 0; i < NODE_COUNT; i++) {
        knobs->checkpoint_entries[i] = (uint32_t)draw_tail(draw, 1, 2000);
    }
    knobs->queue_max = (uint32_t)draw_tail(draw, 1, 16);
    knobs->keep_entries = draw_below(draw, 2) == 0 ? 0 : draw_tail(draw, 1, 500);
    knobs->clients_max = draw_below(draw, 8) == 0 ? 2 : 1000;
    knobs->credit_max = (uint32_t)draw_tail(draw, 1, 4096);
    knobs->head_ms = (uint32_t)draw_tail(draw, 100, 5000);
    knobs->tick_ms = (uint32_t)draw_tail(draw, 250, 10000);
    knobs->ids_max = draw_below(draw, 8) == 0 ? draw_between(draw, 30, 300) : 1000000;
    knobs->rules = sim_draw_rules(draw);
}

static void draw_knobs(struct sim *sim)
{
    struct draw draw = draw_of(sim->scenario->seed, 1);
    struct knobs *knobs = &sim->knobs;

    knobs->client_count = (uint32_t)draw_between(&draw, 1, CLIENT_COUNT_MAX);
    knobs->party_count = (uint32_t)draw_between(&draw, 2, 8);
    knobs->product_count = (uint32_t)draw_between(&draw, 1, 4);
    knobs->command_count = (uint32_t)draw_between(&draw, 20, 1200) / knobs->client_count + 1;
    knobs->client_count = (uint32_t)min_u64(knobs->client_count, sim->scenario->client_max);
    knobs->command_count = (uint32_t)min_u64(knobs->command_count, sim->scenario->command_max);
    draw_pace(sim, &draw);
    draw_limits(sim, &draw);
    sim->network_draw = draw_of(sim->scenario->seed, 2);
    sim->storage_draw = draw_of(sim->scenario->seed, 3);
    sim->work_draw = draw_of(sim->scenario->seed, 4);
    sim->client_draw = draw_of(sim->scenario->seed, 5);
}

/* --- Start and end
 * ---------------------------------------------------------------------------------- */

static void open_sim(struct sim *sim)
{
    draw_knobs(sim);
    faults_init(&sim->faults, sim->scenario);
    work_open(sim);
    oracle_open(sim);
    for (enum node_number i = 0; i < NODE_COUNT; i++) {
        node_init(sim, i);
        node_start(&sim->nodes[i]);
    }
    for (uint32_t i = 0; i < sim->knobs.client_count; i++) {
        client_open(sim, i);
    }
    faulty_plan(sim);
    sim_push(sim, sim->knobs.calm_us, (struct happening){.kind = EVENT_CALM});
}

static void close_sim(struct sim *sim)
{
    struct happening event;

    for (uint32_t i = 0; i < sim->knobs.client_count; i++) {
        client_close(sim, i);
    }
    for (size_t i = 0; i < NODE_COUNT; i++) {
        node_deinit(&sim->nodes[i]);
    }
    while (queue_pop(&sim->queue, &event)) {
        packet_release(event.packet);
    }
    queue_deinit(&sim->queue);
    oracle_close(sim);
    work_close(sim);
}

/* --- Events
 * ------------------------------------------------------------------------------------------ */

static bool is_of_node(const struct happening *event)
{
    return event->kind <= EVENT_MESSAGE || event->kind == EVENT_REPAIR;
}

static void dispatch_event(struct sim *sim, const struct happening *event)
{
    if (is_of_node(event)) {
        node_handle(&sim->nodes[event->target], event);
        return;
    }
    switch ((int)event->kind) {
    case EVENT_ANSWER:
    case EVENT_CONNECT:
        link_handle(sim, event);
        break;
    case EVENT_BREAK:
        link_break(sim, event->target, SECOND_US);
        break;
    case EVENT_TURN:
    case EVENT_ACT:
    case EVENT_CLIENT:
        client_handle(sim->clients[event->target], event);
        break;
    case EVENT_FAULT:
        faulty_strike(sim, (enum fault)event->target);
        break;
    case EVENT_TWIN:
        twin_end(sim);
        break;
    case EVENT_CALM:
        faulty_end(sim);
        break;
    default:
        UNREACHABLE();
    }
}

static void trace_event(struct sim *sim, const struct happening *event)
{
    static const char *const names[EVENT_KIND_COUNT] = {
        "tick", "wake",   "write",   "told",   "start",   "feed",  "head",
        "ask",  "replay", "message", "answer", "connect", "break", "turn",
        "act",  "client", "fault",   "repair", "twin",    "calm"};

    sim_mix(sim, event->at_us);
    sim_mix(sim, (uint64_t)event->kind << 32 | event->target);
    if (event->packet != NULL) {
        sim_mix(sim, event->packet->size ^ event->packet->number ^ event->packet->peer);
        sim_mix(sim, checksum(0, event->packet->data, event->packet->size));
    }
    if (sim->is_tracing) {
        printf("%12.6f %-8s %2u %u bytes  %016llx\n", (double)event->at_us / SECOND_US,
               names[event->kind], event->target, event->packet == NULL ? 0 : event->packet->size,
               (unsigned long long)sim->trace);
    }
}

/* Who still has something to do, or NULL. */
static const char *who_is_not_done(const struct sim *sim)
{
    static const char *const names[NODE_COUNT] = {"gateway", "match", "allocate", "dispatch"};

    for (size_t i = 0; i < NODE_COUNT; i++) {
        const struct node *node = &sim->nodes[i];
        if (!node_is_up(node) || !stage_is_live(node->stage) || node->storage.flipped_bits != 0 ||
            (i > 0 && node_cursor(node) != sim->nodes[i - 1].storage.head.last)) {
            return names[i];
        }
    }
    for (uint32_t i = 0; i < sim->knobs.client_count; i++) {
        const char *what = client_is_busy_with(sim->clients[i]);
        if (what != NULL) {
            return what;
        }
    }
    return NULL;
}

static void take_event(struct sim *sim, struct happening *event)
{
    if (is_of_node(event) && node_defers(&sim->nodes[event->target], event)) {
        uint64_t at_us = sim->nodes[event->target].paused_us;
        sim_push(sim, at_us - sim->now_us, *event);
        return;
    }
    sim->event_count++;
    sim->figures->events[event->kind]++;
    trace_event(sim, event);
    dispatch_event(sim, event);
    packet_release(event->packet);
}

static void check_time(struct sim *sim)
{
    if (sim->event_count > EVENTS_MAX) {
        sim_violated(sim, "it goes round in circles");
    }
    const char *who = who_is_not_done(sim);
    if (sim->now_us > sim->knobs.calm_us + CALM_US_MAX && who != NULL) {
        sim_violated(sim, "without faults not everything is decided after %u seconds: %s",
                     (unsigned)(CALM_US_MAX / SECOND_US), who);
    }
}

static void run_to_end(struct sim *sim)
{
    struct happening event;

    while (queue_pop(&sim->queue, &event)) {
        sim->now_us = event.at_us;
        take_event(sim, &event);
        if (sim->event_count % AUDIT_EVENTS == 0) {
            oracle_audit(sim);
        }
        if (sim->event_count % DONE_LOOK_EVENTS != 0) {
            continue;
        }
        check_time(sim);
        if (sim->faults.is_calm && who_is_not_done(sim) == NULL) {
            oracle_audit_end(sim);
            return;
        }
    }
    sim_violated(sim, "nothing happens any more");
}

void run_scenario(const struct scenario *scenario, bool is_tracing, struct figures *figures,
                  uint64_t *seen, struct outcome_of_run *outcome)
{
    struct sim *sim = memory_take(1, sizeof *sim); /* Outlives the jump. */

    *sim = (struct sim){
        .scenario = scenario,
        .figures = figures,
        .seen = seen,
        .is_tracing = is_tracing,
        .trace = scenario->seed,
    };
    sim_running = sim;
    *outcome = (struct outcome_of_run){.is_good = true};
    if (setjmp(out) == 0) {
        open_sim(sim);
        run_to_end(sim);
        close_sim(sim);
    } else {
        outcome->is_good = false; /* What the run had taken is lost: it may be in any state. */
        memcpy(outcome->problem, sim->problem, sizeof outcome->problem);
    }
    sim_running = NULL;
    outcome->trace = sim->trace;
    outcome->event_count = sim->event_count;
    outcome->strike_count = sim->faults.strike_count;
    outcome->simulated_us = sim->now_us;
    memcpy(outcome->fault_counts, sim->faults.counts, sizeof outcome->fault_counts);
    figures->simulated_us += sim->now_us;
    free(sim);
}
