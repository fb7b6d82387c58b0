/*
 * node.c - a role in its simulated process: what node/process.c does with a loop, sockets and a
 * disk, done with the queue.
 */
#include "brokers/dispatch/dispatch.h"
#include "brokers/gateway/gateway.h"
#include "proto/messages.h"
#include "tests/sim/network.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim.h"
#include "workers/allocate/allocate.h"
#include "workers/match/worker.h"

#include <stdlib.h>
#include <string.h>

#define TICK_US 50000
#define SILENCE_US 1000000
#define REPLAY_SIZE ((uint64_t)512 * 1024)
#define SPACE_PLENTY ((uint64_t)1 << 40)
#define SPACE_FLOOR ((uint64_t)1 << 28)
#define RESTART_US_MIN 100000
#define RESTART_US_MAX 2000000
#define REPAIR_US 1500000
#define STEP_US_MAX 3000 /* Between two looks at the clock. */
#define SLOW_US_MAX 3000000
#define NEWEST_VERSION (STAGE_VERSION + 1)

struct parcel {
    uint32_t references;
    struct buffer bytes;
};

/* --- The roles ----------------------------------------------------------------------- */

static void *open_gateway(const struct knobs *knobs)
{
    struct gateway *gateway = NULL;
    struct gateway_options options = {
        .tick_ms = knobs->tick_ms,
        .ids_max = knobs->ids_max,
        .space_floor = SPACE_FLOOR,
        .rules = knobs->rules,
        .first_admin = SIM_ADMIN_KEY,
    };

    gateway_open(&options, &gateway);
    return gateway;
}

static void *open_match(const struct knobs *knobs)
{
    struct match_worker *worker = NULL;
    struct match_rules rules = match_rules_default();

    (void)knobs;
    match_worker_open(&rules, &worker);
    return worker;
}

static void *open_allocate(const struct knobs *knobs)
{
    struct allocate *allocate = NULL;
    struct plan_options options = plan_options_default();

    (void)knobs;
    allocate_open(&options, &allocate);
    return allocate;
}

static void *open_dispatch(const struct knobs *knobs)
{
    struct dispatch *dispatch = NULL;
    struct dispatch_options options = {
        .clients_max = knobs->clients_max,
        .credit_max = knobs->credit_max,
        .head_ms = knobs->head_ms,
    };

    dispatch_open(&options, &dispatch);
    return dispatch;
}

static const struct {
    const struct role *role;
    void *(*open)(const struct knobs *knobs);
} ROLES[NODE_COUNT] = {
    [NODE_GATEWAY] = {&gateway_role, open_gateway},
    [NODE_MATCH] = {&match_role, open_match},
    [NODE_ALLOCATE] = {&allocate_role, open_allocate},
    [NODE_DISPATCH] = {&dispatch_role, open_dispatch},
};

void *node_role_open(enum node_number number, const struct knobs *knobs)
{
    return ROLES[number].open(knobs);
}

void node_role_close(enum node_number number, void *state)
{
    ROLES[number].role->close(state);
}

/* --- The world ----------------------------------------------------------------------- */

static uint64_t world_now_ms(void *context)
{
    struct node *node = context;
    const struct sim *sim = node->sim;

    if (sim->knobs.has_slow_steps) {
        node->busy_us += draw_below(&node->sim->storage_draw, STEP_US_MAX);
    }
    uint64_t steady_ms = (sim->now_us + node->busy_us) / 1000;
    return clock_now_ms(&node->clock, START_MS + steady_ms + node->clock_offset_ms, steady_ms);
}

static uint64_t world_space_free(void *context)
{
    const struct node *node = context;
    return node->low_until_us > node->sim->now_us ? SPACE_FLOOR - 1 : SPACE_PLENTY;
}

static enum status world_send(void *context, struct bytes peer, struct bytes header,
                              struct bytes body)
{
    struct node *node = context;
    struct sim *sim = node->sim;

    ENSURE(peer.size == 8);
    struct link *link = link_of_peer(sim, load_u64(peer.data));
    if (node->is_over || link == NULL) {
        return STATUS_NOT_FOUND;
    }
    if (!link_has_room(link)) {
        sim_seen(sim, SEEN_BLOCKED);
        return STATUS_AGAIN;
    }
    if (twin_runs(node)) {
        return STATUS_OK; /* Nobody hears it. */
    }
    oracle_sends(sim, node, load_u64(peer.data), header, body);
    struct packet *packet = packet_make(header, body);
    packet->peer = load_u64(peer.data);
    link_count_sent(link);
    network_send(
        sim,
        (struct route){.from = node->number,
                       .to = NODE_COUNT + link_client(link),
                       .channel = node->number == NODE_GATEWAY ? CHANNEL_LOOSE : CHANNEL_STREAM},
        (struct happening){.kind = EVENT_ANSWER, .packet = packet});
    return STATUS_OK;
}

static struct parcel *world_parcel_make(void *context, struct bytes bytes)
{
    struct parcel *parcel = memory_take(1, sizeof *parcel);

    (void)context;
    buffer_append(&parcel->bytes, bytes.data, bytes.size);
    return parcel;
}

static void world_parcel_release(void *context, struct parcel *parcel)
{
    (void)context;
    buffer_deinit(&parcel->bytes);
    free(parcel);
}

static enum status world_send_parcel(void *context, struct bytes peer, struct parcel *header,
                                     struct parcel *body)
{
    return world_send(context, peer, buffer_view(&header->bytes), buffer_view(&body->bytes));
}

static void push_to_self(struct node *node, uint64_t after_us, enum event_kind kind)
{
    sim_push(node->sim, after_us,
             (struct happening){.kind = kind, .target = node->number, .stamp = node->life});
}

/* Doors are node/'s: here everybody comes in, and the role alone looks at each message. */
static void world_admit(void *context, const struct registry *registry)
{
    (void)context;
    (void)registry;
}

static void world_wake_at(void *context, uint64_t time_ms)
{
    struct node *node = context;

    if (time_ms < node->wake_ms) {
        uint64_t now_ms = world_now_ms(node);
        node->wake_ms = time_ms;
        push_to_self(node, time_ms > now_ms ? min_u64(time_ms - now_ms, 60000) * 1000 : 0,
                     EVENT_WAKE);
    }
}

/* What goes wrong with the commit that begins, if anything. */
static enum fault draw_commit_fault(struct node *node)
{
    static const enum fault faults[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_INSIDE, FAULT_CRASH_AFTER,
                                        FAULT_AMBIGUOUS, FAULT_FULL};

    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        if (fault_strikes(&node->sim->faults, faults[i])) {
            return faults[i];
        }
    }
    return FAULT_COUNT;
}

static void world_commit(void *context, struct batch *batch)
{
    struct node *node = context;
    struct sim *sim = node->sim;

    ENSURE(node->pending == NULL);
    node->pending = batch;
    node->commit_fault = draw_commit_fault(node);
    uint64_t takes_us =
        draw_between(&sim->storage_draw, sim->knobs.commit_us_min, sim->knobs.commit_us_max);
    if (fault_strikes(&sim->faults, FAULT_SLOW_DISK)) {
        takes_us = draw_tail(&sim->faults.draws[FAULT_SLOW_DISK], takes_us, SLOW_US_MAX);
    }
    push_to_self(node, takes_us, EVENT_WRITE);
}

static enum status world_read(void *context, uint64_t from, size_t size_max, struct buffer *stored)
{
    struct node *node = context;
    enum status status = storage_read(&node->storage, from, size_max, stored);

    if (status == STATUS_CORRUPT && !node->is_damaged) {
        node->is_damaged = true;
        sim_seen(node->sim, SEEN_DAMAGE_FOUND);
        push_to_self(node, REPAIR_US, EVENT_REPAIR);
    }
    return status;
}

static void send_to_role(struct node *node, enum node_number to, enum event_kind kind,
                         struct packet *packet)
{
    network_send(node->sim, (struct route){.from = node->number, .to = to},
                 (struct happening){.kind = kind, .target = to, .packet = packet});
}

/* The dispatcher watches the gateway's feed for keys. A packet's peer tells which feed it is of. */
static void send_to_watcher(struct node *node, enum event_kind kind, struct packet *packet)
{
    packet->peer = WATCH_UPSTREAM;
    send_to_role(node, NODE_DISPATCH, kind, packet);
}

static void world_publish(void *context, struct bytes stored)
{
    struct node *node = context;

    node->published_us = node->sim->now_us;
    if (!node->is_over && node->number + 1 < NODE_COUNT) {
        send_to_role(node, node->number + 1, EVENT_FEED, packet_make(stored, (struct bytes){0}));
    }
    if (!node->is_over && node->number == NODE_GATEWAY) {
        send_to_watcher(node, EVENT_FEED, packet_make(stored, (struct bytes){0}));
    }
}

static void world_ask(void *context, uint32_t upstream, uint64_t from)
{
    struct node *node = context;

    ENSURE(upstream == 0 || node->number == NODE_DISPATCH);
    ENSURE(node->number > 0);
    if (!node->is_over) {
        struct packet *packet = packet_make((struct bytes){0}, (struct bytes){0});
        packet->number = from;
        packet->peer = upstream;
        send_to_role(node, upstream == WATCH_UPSTREAM ? NODE_GATEWAY : node->number - 1, EVENT_ASK,
                     packet);
    }
}

static const struct node *upstream_of(const struct node *node)
{
    return node->number == NODE_GATEWAY ? NULL : &node->sim->nodes[node->number - 1];
}

/* Whether a newer program than this one wrote what it reads. */
static bool is_older(const struct node *node)
{
    const struct node *upstream = upstream_of(node);
    uint8_t newest = node->version_written;

    if (upstream != NULL && upstream->version_written > newest) {
        newest = upstream->version_written;
    }
    return node->program.version < newest;
}

/* What a role may say before it ends, and the fault that must have come first. */
static bool is_excused(const struct node *node, const char *message)
{
    if (strstr(message, "a commit failed") != NULL || strstr(message, "journal is full") != NULL) {
        return node->is_excused;
    }
    const struct node *upstream = upstream_of(node);
    bool has_twin = upstream != NULL && twin_may_be_heard(upstream);
    if (strstr(message, "shorter than it was") != NULL) {
        return has_twin || (upstream != NULL && upstream->fell_back);
    }
    if (strstr(message, "other entries than the journal") != NULL) {
        return has_twin || node->storage.flipped_bits != 0;
    }
    if (strstr(message, "other entries than those taken in") != NULL) {
        sim_seen(node->sim, SEEN_BRANCH);
        return has_twin;
    }
    if (strstr(message, "newer version") != NULL) {
        sim_seen(node->sim, SEEN_NEWER_REFUSED);
        return is_older(node);
    }
    return false;
}

static void world_fail(void *context, const char *message)
{
    struct node *node = context;

    if (!is_excused(node, message)) {
        sim_violated(node->sim, "%s cannot go on: %s", ROLES[node->number].role->name, message);
    }
    if (is_older(node)) {
        node->program.version = NEWEST_VERSION; /* An operator reads the message. */
    }
    node->is_over = true;
}

/* --- Start and end ------------------------------------------------------------------- */

void node_init(struct sim *sim, enum node_number number)
{
    struct node *node = &sim->nodes[number];

    *node = (struct node){
        .sim = sim,
        .number = number,
        .program = *ROLES[number].role,
        .world = {.context = node,
                  .now_ms = world_now_ms,
                  .space_free = world_space_free,
                  .send = world_send,
                  .send_parcel = world_send_parcel,
                  .parcel_make = world_parcel_make,
                  .parcel_release = world_parcel_release,
                  .admit = world_admit,
                  .wake_at = world_wake_at,
                  .commit = world_commit,
                  .read = world_read,
                  .publish = world_publish,
                  .ask = world_ask,
                  .fail = world_fail},
    };
    storage_init(&node->storage, draw_next(&sim->storage_draw) >> 1);
}

bool node_is_up(const struct node *node)
{
    return node->stage != NULL;
}

static void close_role(struct node *node)
{
    stage_close(node->stage);
    if (node->state != NULL) {
        ROLES[node->number].role->close(node->state);
    }
    node->stage = NULL;
    node->state = NULL;
    node->pending = NULL;
    node->life++;
    packets_clear(&node->inbox);
}

void node_deinit(struct node *node)
{
    close_role(node);
    packets_deinit(&node->inbox);
    if (twin_runs(node)) {
        twin_forget(node);
    }
    storage_deinit(&node->storage);
}

void node_end(struct node *node, uint64_t down_us)
{
    if (!node_is_up(node)) {
        return;
    }
    node->sim->figures->crashes++;
    close_role(node);
    link_break_all(node->sim, node->number);
    push_to_self(node, down_us, EVENT_START);
}

static void end_for_a_while(struct node *node)
{
    node_end(node, draw_between(&node->sim->storage_draw, RESTART_US_MIN, RESTART_US_MAX));
}

static enum status load_rows(struct node *node)
{
    const struct storage_rows *rows = &node->storage.rows;
    enum status status = STATUS_OK;

    for (size_t i = 0; i < rows->count && status == STATUS_OK; i++) {
        const struct storage_row *row = &rows->items[i];
        status = stage_load_row(node->stage, row->table, (struct bytes){row->key, row->key_size},
                                buffer_view(&row->value));
    }
    return status;
}

static void open_role(struct node *node)
{
    const struct knobs *knobs = &node->sim->knobs;
    struct stage_options options = {
        .role = &node->program,
        .world = &node->world,
        .checkpoint_entries = knobs->checkpoint_entries[node->number],
        .keep_entries = node->number == NODE_DISPATCH ? knobs->keep_entries : 0,
    };

    node->state = ROLES[node->number].open(knobs);
    options.state = node->state;
    ENSURE(stage_open(&options, &node->stage) == STATUS_OK);
    node->is_over = false;
    node->is_excused = false;
    node->is_stopping = false;
    node->was_live = false;
    node->wake_ms = TIME_NONE;
    node->clock = (struct clock){0};
    node->busy_us = 0;
}

/* A process that ended while it was looked at. */
static void look_after(struct node *node)
{
    if (node->is_over || (node->is_stopping && stage_is_stopped(node->stage))) {
        end_for_a_while(node);
    }
}

static void choose_version(struct node *node)
{
    struct faults *faults = &node->sim->faults;

    if (fault_strikes(faults, FAULT_VERSION)) {
        node->program.version =
            (uint8_t)draw_between(&faults->draws[FAULT_VERSION], STAGE_VERSION, NEWEST_VERSION);
    }
    if (node->version_written > 0 && node->program.version > node->version_written) {
        sim_seen(node->sim, SEEN_OLDER_READ);
    }
}

void node_start(struct node *node)
{
    struct sim *sim = node->sim;

    if (node_is_up(node)) {
        return;
    }
    sim->figures->starts++;
    if (node->number == NODE_GATEWAY && fault_strikes(&sim->faults, FAULT_RULES)) {
        sim->knobs.rules = sim_draw_rules(&sim->faults.draws[FAULT_RULES]);
    }
    choose_version(node);
    open_role(node);
    enum status status = load_rows(node);
    if (status == STATUS_OK) {
        status = stage_begin(node->stage, &node->storage.head);
    }
    if (status != STATUS_OK) {
        if (node->storage.flipped_bits == 0) {
            sim_violated(sim, "%s does not start: %s", ROLES[node->number].role->name,
                         status_name(status));
        }
        sim_seen(sim, SEEN_DAMAGE_FOUND);
        storage_repair(&node->storage); /* From a backup, by an operator. */
        end_for_a_while(node);
        return;
    }
    if (node->number == NODE_DISPATCH) {
        watch_start(&node->watch, ROLES[node->number].role, node->state, &node->world);
    }
    oracle_started(sim, node);
    push_to_self(node, draw_below(&sim->storage_draw, TICK_US), EVENT_TICK);
    look_after(node);
}

/* --- What happens to it -------------------------------------------------------------- */

/* One client speaks to the gateway with the key of the first admin, the others locally. */
static struct bytes user_of(const struct node *node, const struct packet *packet)
{
    bool is_admin =
        node->number == NODE_GATEWAY && link_client_of_peer(packet->peer) == SIM_ADMIN_CLIENT;

    return is_admin ? bytes_from_text(SIM_ADMIN_KEY) : (struct bytes){0};
}

static void take_message(struct node *node, const struct packet *packet)
{
    uint8_t peer[8];

    store_u64(peer, packet->peer);
    oracle_gets(node->sim, node, packet->peer, packet_first(packet), packet_second(packet));
    stage_message(node->stage, &(struct client_message){
                                   .peer = {peer, sizeof peer},
                                   .user = user_of(node, packet),
                                   .header = packet_first(packet),
                                   .body = packet_second(packet),
                               });
}

static void drain_inbox(struct node *node)
{
    while (node->inbox.count > 0 && !node->is_over && stage_takes_messages(node->stage)) {
        struct packet *packet = packets_take(&node->inbox);
        take_message(node, packet);
        packet_release(packet);
    }
}

static void tell_head(struct node *node)
{
    struct journal_head head = stage_head(node->stage);
    struct feed_head message = {.epoch = head.epoch, .oldest = head.oldest, .last = head.last};
    struct buffer body = {0};

    if (node->number + 1 < NODE_COUNT && node->sim->now_us - node->published_us >= SILENCE_US) {
        proto_encode(&FEED_HEAD, &message, &body);
        node->published_us = node->sim->now_us;
        send_to_role(node, node->number + 1, EVENT_HEAD,
                     packet_make(buffer_view(&body), (struct bytes){0}));
        if (node->number == NODE_GATEWAY) {
            send_to_watcher(node, EVENT_HEAD, packet_make(buffer_view(&body), (struct bytes){0}));
        }
        buffer_deinit(&body);
    }
}

static void on_tick(struct node *node)
{
    push_to_self(node, TICK_US, EVENT_TICK);
    stage_timer(node->stage, world_now_ms(node));
    tell_head(node);
    if (node->number == NODE_DISPATCH) {
        watch_timer(&node->watch);
    }
    node->was_live = node->was_live || stage_is_live(node->stage);
    if (node->is_stopping && stage_is_live(node->stage)) {
        stage_stop(node->stage);
    }
}

static void on_wake(struct node *node)
{
    uint64_t now_ms = world_now_ms(node);
    uint64_t wish_ms = node->wake_ms;

    node->wake_ms = TIME_NONE;
    if (now_ms >= wish_ms) {
        stage_wake(node->stage, now_ms);
    } else {
        world_wake_at(node, wish_ms);
    }
}

static void write_pending(struct node *node)
{
    struct sim *sim = node->sim;
    bool had_older = node->storage.head.oldest < node->pending->trim_upto + 1;

    enum fault copied = node->number == NODE_GATEWAY ? FAULT_TWIN : FAULT_TAIL;

    if (sim->faults.is_on[copied] && node->write_count++ % 16 == 0 && !twin_runs(node)) {
        storage_keep(&node->storage);
    }
    sim->figures->commits++;
    sim->figures->entries += node->pending->entry_count;
    if (node->pending->is_checkpoint) {
        sim_seen(sim, SEEN_CHECKPOINT);
    }
    if (had_older && node->pending->trim_upto > 0) {
        sim_seen(sim, SEEN_TRIMMED);
    }
    storage_write(&node->storage, node->pending);
    sim_mix(sim, load_u64(node->storage.head.chain));
    if (node->program.version > node->version_written) {
        node->version_written = node->program.version;
    }
    if (twin_runs(node)) {
        twin_wrote(node);
    } else {
        oracle_wrote(sim, node);
    }
}

/* The disk is done with the batch, one way or another. */
static void on_write(struct node *node)
{
    struct draw *draw = &node->sim->storage_draw;

    switch ((int)node->commit_fault) {
    case FAULT_CRASH_BEFORE:
    case FAULT_CRASH_INSIDE: /* A transaction that did not end leaves nothing. */
        end_for_a_while(node);
        return;
    case FAULT_CRASH_AFTER:
        write_pending(node);
        end_for_a_while(node);
        return;
    case FAULT_AMBIGUOUS:
        if (draw_below(draw, 2) == 0) {
            write_pending(node);
            sim_seen(node->sim, SEEN_UNKNOWN_OUTCOME);
        }
        break;
    case FAULT_FULL:
        break;
    default:
        write_pending(node);
        break;
    }
    if (node_is_up(node)) {
        push_to_self(node, draw_between(draw, 10, 300), EVENT_TOLD);
    }
}

static void on_told(struct node *node)
{
    struct batch *batch = node->pending;
    enum status status = node->commit_fault == FAULT_AMBIGUOUS ? STATUS_IO
                         : node->commit_fault == FAULT_FULL    ? STATUS_FULL
                                                               : STATUS_OK;

    node->pending = NULL;
    node->is_excused = status != STATUS_OK;
    stage_committed(node->stage, batch, status);
}

static void take_head(struct node *node, uint64_t upstream, const struct journal_head *head,
                      uint64_t from)
{
    if (upstream == WATCH_UPSTREAM) {
        watch_head(&node->watch, head);
    } else {
        stage_upstream_head(node->stage, 0, head, from);
    }
}

static void take_entries(struct node *node, uint64_t upstream, struct bytes stored)
{
    if (upstream == WATCH_UPSTREAM) {
        watch_entries(&node->watch, stored);
    } else {
        stage_entries(node->stage, 0, stored);
    }
}

static void on_head(struct node *node, const struct packet *packet)
{
    struct arena arena = {0};
    struct feed_head head;
    struct refusal refusal;

    ENSURE(proto_decode(&FEED_HEAD, packet_first(packet), &arena, &head, &refusal) == STATUS_OK);
    take_head(node, packet->peer,
              &(struct journal_head){.epoch = head.epoch, .oldest = head.oldest, .last = head.last},
              0);
    arena_deinit(&arena);
}

static void on_ask(struct node *node, const struct packet *packet)
{
    struct replay replay = {.from = packet->number, .size_max = REPLAY_SIZE};
    struct buffer body = {0};
    struct buffer answer = {0};
    const char *type = NULL;

    proto_encode(&REPLAY, &replay, &body);
    sim_seen(node->sim, SEEN_REPLAY);
    if (stage_control(node->stage, bytes_from_text(REPLAY.name), buffer_view(&body), &type,
                      &answer) == STATUS_OK) {
        struct packet *replayed = packet_make(buffer_view(&answer), (struct bytes){0});
        replayed->number = replay.from;
        if (packet->peer == WATCH_UPSTREAM) {
            send_to_watcher(node, EVENT_REPLAY, replayed);
        } else {
            send_to_role(node, node->number + 1, EVENT_REPLAY, replayed);
        }
    }
    buffer_deinit(&body);
    buffer_deinit(&answer);
}

static void on_replay(struct node *node, const struct packet *packet)
{
    struct arena arena = {0};
    struct entries entries;
    struct refusal refusal;

    ENSURE(proto_decode(&ENTRIES, packet_first(packet), &arena, &entries, &refusal) == STATUS_OK);
    take_head(node, packet->peer,
              &(struct journal_head){
                  .epoch = entries.epoch, .oldest = entries.oldest, .last = entries.last},
              packet->number);
    if (!node->is_over) {
        take_entries(node, packet->peer, entries.data);
    }
    arena_deinit(&arena);
}

/* An operator restores the journal from a good copy and starts the role again. */
static void repair(struct node *node)
{
    storage_repair(&node->storage);
    node->is_damaged = false;
    node->is_over = true;
}

bool node_defers(const struct node *node, const struct happening *event)
{
    return node->paused_us > node->sim->now_us && event->kind != EVENT_START;
}

/* Events of roles carry the life that they were meant for; those of others meet whoever is there.
 */
static bool is_for_this_life(const struct node *node, const struct happening *event)
{
    switch ((int)event->kind) {
    case EVENT_TICK:
    case EVENT_WAKE:
    case EVENT_WRITE:
    case EVENT_TOLD:
    case EVENT_START:
    case EVENT_MESSAGE:
        return event->stamp == node->life;
    default:
        return true;
    }
}

static void hand_over(struct node *node, const struct happening *event)
{
    switch ((int)event->kind) {
    case EVENT_TICK:
        on_tick(node);
        break;
    case EVENT_WAKE:
        on_wake(node);
        break;
    case EVENT_WRITE:
        on_write(node);
        break;
    case EVENT_TOLD:
        on_told(node);
        break;
    case EVENT_FEED:
        take_entries(node, event->packet->peer, packet_first(event->packet));
        break;
    case EVENT_HEAD:
        on_head(node, event->packet);
        break;
    case EVENT_ASK:
        on_ask(node, event->packet);
        break;
    case EVENT_REPLAY:
        on_replay(node, event->packet);
        break;
    case EVENT_MESSAGE:
        packets_append(&node->inbox, event->packet);
        break;
    default:
        UNREACHABLE();
    }
}

/* What it did took time, in which nothing else happens to it. */
static void be_busy(struct node *node)
{
    node->paused_us = max_u64(node->paused_us, node->sim->now_us + node->busy_us);
    node->busy_us = 0;
}

void node_handle(struct node *node, const struct happening *event)
{
    if (!is_for_this_life(node, event)) {
        return;
    }
    if (event->kind == EVENT_START) {
        node_start(node);
    } else if (event->kind == EVENT_REPAIR) {
        repair(node);
    } else if (node_is_up(node)) {
        hand_over(node, event);
    }
    if (node_is_up(node)) {
        drain_inbox(node);
        look_after(node);
    }
    be_busy(node);
    bool is_recovering = node_is_up(node) && !node->was_live && !stage_is_live(node->stage);
    if (is_recovering && event->kind != EVENT_TICK) {
        sim_seen(node->sim, SEEN_RECOVERY);
        if (fault_strikes(&node->sim->faults, FAULT_CRASH_RECOVERY)) {
            end_for_a_while(node);
        }
    }
}

uint64_t node_cursor(const struct node *node)
{
    const struct storage_row *row =
        storage_find(&node->storage, STAGE_ROW_TABLE, bytes_from_text("cursor"));

    return row == NULL ? 0 : load_u64(row->value.data + 8);
}
