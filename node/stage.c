/*
 * stage.c - one role's way from upstream entries to its own.
 *
 * Two batches take turns: `open` collects while `committing` is the world's. The rows of
 * the stage itself say where it stands:
 *
 *     "cursor"      u64 upstream epoch, u64 last upstream entry stepped, its chain  (every commit)
 *     "checkpoint"  u64 last own entry, u64 last upstream entry, its chain    (every checkpoint)
 *     "version"     u64 version of the program that wrote the rows            (every checkpoint)
 *
 * Each upstream entry must carry the chain of the one before it: a feed that went on from somewhere
 * else, as that of a second gateway over a copy of the journal does, ends the stage. Recovery steps
 * the upstream entries from the checkpoint to the cursor once more. Each step appends to `open` as
 * always; what it appended is then compared with the own feed and cut off again.
 */
#include "node/stage.h"

#include "core/base/mutant.h"
#include "node/expected.h"
#include "proto/messages.h"

#include <stdlib.h>
#include <string.h>

#define ASK_AGAIN_MS 1000
#define SHORT_MS_MAX 1000     /* What a commit made durable may not be told yet. */
#define CURSOR_COMMIT_MS 1000 /* A cursor that moved without own entries is saved this late. */
#define PUBLISH_SIZE ((size_t)64 * 1024)
#define REPLAY_SIZE_MAX ((uint64_t)512 * 1024)
#define COUNTER_COUNT_MAX 64
#define COMMAND_ROOM COMMANDS_PER_SUBMIT_MAX /* What one client message may append. */
#define GROUP_COUNT_MAX 256 /* Entries that a source lets the others decide on at once. */
#define STEP_MS_MAX 20      /* Then the loop has its turn. */
#define PLACE_SIZE (16 + JOURNAL_CHAIN_SIZE)

static const char BRANCH[] = "the upstream feed went on from other entries than those taken in: "
                             "restore the journals together";
static const char DIFFERENT[] = "replay gives other entries than the journal holds: "
                                "it is damaged, or another version wrote it; verify it";
static const char NEWER[] = "a newer version of the program wrote entries or rows that this one "
                            "would have to guess at: start that version again";

static const struct bytes cursor_key = {(const uint8_t *)"cursor", 6};
static const struct bytes checkpoint_key = {(const uint8_t *)"checkpoint", 10};
static const struct bytes version_key = {(const uint8_t *)"version", 7};

enum stage_state {
    STAGE_LOADING,
    STAGE_RECOVERING,
    STAGE_LIVE,
    STAGE_STOPPING,
    STAGE_STOPPED,
    STAGE_FAILED,
};

struct upstream {
    uint64_t epoch;      /* 0 until known. */
    uint64_t next;       /* The entry to step next. */
    uint64_t last_known; /* It has at least this many. */
    uint64_t asked_ms;   /* When a replay was last asked for, 0: none is under way. */
    uint64_t short_ms;   /* Since when it says that it lost entries, 0: it does not. */
    uint8_t chain[JOURNAL_CHAIN_SIZE]; /* Of the entry before `next`. */
};

struct effects {
    struct stage *stage;
    const struct entry *cause; /* NULL for a source. */
};

struct rows_out {
    struct batch *batch;
};

struct report_out {
    struct counter counters[COUNTER_COUNT_MAX];
    size_t count;
};

struct stage {
    struct stage_options options;
    enum stage_state state;
    struct journal_head head; /* Of the own feed, as of the last commit. */
    struct upstream upstream;
    struct batch batches[2];
    struct batch *open;
    struct batch *committing;                  /* NULL when the world has none. */
    uint64_t next_seq;                         /* Of the next own entry. */
    uint64_t range_first;                      /* First upstream entry not decided on yet. */
    uint64_t checkpoint_own;                   /* As of the last checkpoint, also one under way. */
    uint64_t checkpoint_taken;                 /* Upstream entries. */
    uint64_t cursor_saved;                     /* As of the last batch handed over. */
    uint64_t cursor_durable;                   /* As of the last commit. */
    uint64_t committed_ms;                     /* When that was. */
    uint64_t recover_until;                    /* The cursor to reach before going live, */
    uint8_t recover_chain[JOURNAL_CHAIN_SIZE]; /* and the chain to meet there. */
    uint64_t settled_seq;                      /* Source: the last entry so far that settles. */
    uint64_t source_ms;                        /* Source: the time of the last entry. */
    struct buffer inbox; /* Upstream entries that wait for their turn, in stored form. */
    struct bytes inbox_left;
    struct expected expected; /* What recovery must produce next. */
    struct buffer scratch;
};

/* --- Effects, rows, reports: what a role is handed ---------------------------------- */

/* The time of a new entry of a source: the clock may have been set back since the last one. */
static uint64_t source_time_ms(struct stage *stage)
{
    const struct world *world = stage->options.world;

    stage->source_ms = max_u64(MUTANT(7) ? 0 : stage->source_ms, world->now_ms(world->context));
    return stage->source_ms;
}

void effect_append(struct effects *effects, uint16_t kind, struct bytes body)
{
    struct stage *stage = effects->stage;
    const struct entry *cause = effects->cause;
    struct entry entry = {
        .seq = stage->next_seq++,
        .time_ms = cause != NULL ? cause->time_ms : source_time_ms(stage),
        .kind = kind,
        .version = stage->options.role->version,
        .cause_first = cause != NULL ? stage->range_first : 0,
        .cause_last = cause != NULL ? cause->seq : 0,
        .body = body,
    };

    ENSURE(body.size <= JOURNAL_BODY_SIZE_MAX);
    if (stage->options.role->is_source && entry.seq >= stage->settled_seq + GROUP_COUNT_MAX) {
        entry.flags = ENTRY_SETTLES;
        stage->settled_seq = entry.seq;
    }
    batch_append(stage->open, &entry);
}

uint64_t effect_next_seq(const struct effects *effects)
{
    return effects->stage->next_seq;
}

void rows_put(struct rows_out *rows, uint8_t table, struct bytes key, struct bytes value)
{
    ENSURE(table > STAGE_ROW_TABLE);
    batch_put_row(rows->batch, table, key, value);
}

void report_count(struct report_out *out, const char *name, uint64_t value)
{
    ENSURE(out->count < COUNTER_COUNT_MAX);
    out->counters[out->count++] = (struct counter){.name = bytes_from_text(name), .value = value};
}

/* --- Small helpers ------------------------------------------------------------------- */

static const struct world *world_of(const struct stage *stage)
{
    return stage->options.world;
}

static uint64_t now_ms(const struct stage *stage)
{
    return world_of(stage)->now_ms(world_of(stage)->context);
}

static void fail(struct stage *stage, const char *message)
{
    stage->state = STAGE_FAILED;
    world_of(stage)->fail(world_of(stage)->context, message);
}

static bool is_stepping(const struct stage *stage)
{
    return stage->state == STAGE_RECOVERING || stage->state == STAGE_LIVE;
}

static bool is_settled(const struct stage *stage)
{
    const struct role *role = stage->options.role;
    return role->is_settled == NULL || role->is_settled(stage->options.state);
}

/* A step may append some entries more than this leaves; the limits are not hard ones. */
static bool has_room(const struct stage *stage)
{
    return stage->open->entry_count < STAGE_BATCH_ENTRY_COUNT_MAX - COMMAND_ROOM &&
           stage->open->bodies.size < STAGE_BATCH_SIZE_MAX / 2;
}

/* Two numbers, and the chain of the last upstream entry stepped. */
static void put_place_row(struct stage *stage, struct bytes key, uint64_t first, uint64_t second)
{
    uint8_t value[PLACE_SIZE];

    store_u64(value, first);
    store_u64(value + 8, second);
    memcpy(value + 16, stage->upstream.chain, JOURNAL_CHAIN_SIZE);
    batch_put_row(stage->open, STAGE_ROW_TABLE, key, (struct bytes){value, sizeof value});
}

static void put_version_row(struct stage *stage)
{
    uint8_t value[8];

    store_u64(value, stage->options.role->version);
    batch_put_row(stage->open, STAGE_ROW_TABLE, version_key, (struct bytes){value, sizeof value});
}

static void ask(struct stage *stage)
{
    uint64_t now = now_ms(stage);

    bool is_time = now >= stage->upstream.asked_ms + ASK_AGAIN_MS && !MUTANT(33);

    if (stage->upstream.asked_ms == 0 || is_time) {
        stage->upstream.asked_ms = now;
        world_of(stage)->ask(world_of(stage)->context, 0, stage->upstream.next);
    }
}

static void ask_if_behind(struct stage *stage)
{
    bool is_behind =
        stage->upstream.last_known >= stage->upstream.next || stage->state == STAGE_RECOVERING;

    if (!stage->options.role->is_source && is_stepping(stage) && is_behind && has_room(stage)) {
        ask(stage);
    }
}

static void work_off(struct stage *stage);

/* --- Handing batches to the world ---------------------------------------------------- */

static bool is_checkpoint_due(const struct stage *stage)
{
    uint64_t taken =
        stage->options.role->is_source ? stage->next_seq - 1 : stage->upstream.next - 1;
    uint64_t since =
        taken - (stage->options.role->is_source ? stage->checkpoint_own : stage->checkpoint_taken);

    return (is_settled(stage) || MUTANT(12)) && (since >= stage->options.checkpoint_entries ||
                                                 (stage->state == STAGE_STOPPING && since > 0));
}

static void add_checkpoint(struct stage *stage)
{
    struct batch *batch = stage->open;

    stage->options.role->save(stage->options.state, &(struct rows_out){.batch = batch});
    stage->checkpoint_own = stage->next_seq - 1;
    stage->checkpoint_taken = stage->upstream.next - 1;
    stage->checkpoint_taken -= MUTANT(13) && stage->checkpoint_taken > 0;
    put_place_row(stage, checkpoint_key, stage->checkpoint_own, stage->checkpoint_taken);
    put_version_row(stage);
    batch->is_checkpoint = true;
}

/* Own entries behind the checkpoint that need not be kept, a bounded number with each batch. */
static void add_trim(struct stage *stage)
{
    uint64_t keep = stage->options.keep_entries;

    if (keep == 0 || stage->checkpoint_own <= keep) {
        return;
    }
    uint64_t upto = min_u64(stage->checkpoint_own - keep, stage->head.last);
    upto = MUTANT(31) ? stage->head.last : upto;
    if (upto >= stage->head.oldest) {
        stage->open->trim_upto = min_u64(upto, stage->head.oldest - 1 + BATCH_TRIM_COUNT_MAX);
    }
}

static bool has_something_to_commit(const struct stage *stage)
{
    if (stage->open->entry_count > 0 || is_checkpoint_due(stage)) {
        return true;
    }
    return stage->upstream.next - 1 > stage->cursor_saved &&
           (stage->state == STAGE_STOPPING ||
            now_ms(stage) >= stage->committed_ms + CURSOR_COMMIT_MS);
}

/* Gives the open batch to the world when that is free and there is something in it. */
static void hand_over(struct stage *stage)
{
    if (stage->committing != NULL ||
        (stage->state != STAGE_LIVE && stage->state != STAGE_STOPPING) ||
        !has_something_to_commit(stage)) {
        return;
    }
    struct batch *batch = stage->open;
    if (stage->options.role->is_source && batch->entry_count > 0) {
        batch->entries[batch->entry_count - 1].flags |= ENTRY_SETTLES;
        stage->settled_seq = batch->entries[batch->entry_count - 1].seq;
    }
    if (is_checkpoint_due(stage)) {
        add_checkpoint(stage);
    }
    add_trim(stage);
    stage->cursor_saved = stage->upstream.next - 1;
    stage->committed_ms = now_ms(stage);
    put_place_row(stage, cursor_key, stage->upstream.epoch, stage->cursor_saved - MUTANT(9));

    stage->committing = batch;
    stage->open = batch == &stage->batches[0] ? &stage->batches[1] : &stage->batches[0];
    world_of(stage)->commit(world_of(stage)->context, batch);
}

static void publish(struct stage *stage, const struct batch *batch)
{
    const struct world *world = world_of(stage);
    struct buffer *stored = &stage->scratch;

    stored->size = 0;
    for (size_t i = 0; i < batch->entry_count; i++) {
        entry_store(&batch->entries[i], stored);
        if (stored->size >= PUBLISH_SIZE || i + 1 == batch->entry_count) {
            world->publish(world->context, buffer_view(stored));
            stored->size = 0;
        }
    }
}

/* What became durable goes to followers and clients. */
static void tell(struct stage *stage, const struct batch *batch)
{
    const struct role *role = stage->options.role;

    if (batch->entry_count > 0) {
        publish(stage, batch);
    }
    if (batch->entry_count > 0 && role->committed != NULL) {
        role->committed(stage->options.state, &stage->head, batch->entries, batch->entry_count);
    }
}

void stage_committed(struct stage *stage, struct batch *batch, enum status status)
{

    ENSURE(batch == stage->committing);
    if (status != STATUS_OK && !MUTANT(8)) {
        fail(stage, status == STATUS_FULL
                        ? "the journal is full: nothing more can be taken in; make room and restart"
                        : "a commit failed, its outcome is unknown: restart to find out");
        return;
    }
    stage->cursor_durable = stage->cursor_saved;
    if (batch->entry_count > 0) {
        const struct entry *last = &batch->entries[batch->entry_count - 1];
        stage->head.last = last->seq;
        memcpy(stage->head.chain, last->chain, sizeof last->chain);
    }
    stage->head.oldest = max_u64(stage->head.oldest, batch->trim_upto + 1);

    /* The next commit runs while this one is told. Nothing is appended until it has been, so the
     * batch may be the open one already. */
    stage->committing = NULL;
    hand_over(stage);
    tell(stage, batch);
    batch_clear(batch);
    if (stage->state == STAGE_STOPPING && stage->committing == NULL) {
        stage->state = STAGE_STOPPED;
    }
    work_off(stage);
}

/* --- Recovery: what comes out again must be what is stored ---------------------------- */

static bool is_readable(const struct stage *stage, const struct entry *entry)
{
    return entry->version <= stage->options.role->version || MUTANT(37);
}

static void compare_open(struct stage *stage)
{
    enum expected_outcome outcome = expected_meets(&stage->expected, world_of(stage), stage->open,
                                                   stage->head.last, stage->options.role->version);

    if (outcome != EXPECTED_MET) {
        fail(stage, outcome == EXPECTED_NEWER ? NEWER : DIFFERENT);
        return;
    }
    batch_cut(stage->open, 0);
}

static void go_live(struct stage *stage)
{
    const struct role *role = stage->options.role;

    if (!role->is_source && stage->expected.next != stage->head.last + 1) {
        fail(stage, "replay gives fewer entries than the journal holds: verify it");
        return;
    }
    expected_deinit(&stage->expected);
    stage->state = STAGE_LIVE;
    stage->committed_ms = now_ms(stage);
    stage_wake(stage, stage->committed_ms);
}

/* --- Stepping ------------------------------------------------------------------------ */

static void step(struct stage *stage, const struct entry *entry)
{
    const struct role *role = stage->options.role;
    struct effects effects = {.stage = stage, .cause = entry};
    size_t before = stage->open->entry_count;

    if (stage->range_first == 0) {
        stage->range_first = entry->seq;
    }
    role->step(stage->options.state, 0, entry, &effects);
    stage->upstream.next = entry->seq + 1;
    memcpy(stage->upstream.chain, entry->chain, sizeof entry->chain);
    if (stage->open->entry_count > before && (entry->flags & ENTRY_SETTLES) != 0) {
        stage->open->entries[stage->open->entry_count - 1].flags |= ENTRY_SETTLES;
    }
    if (is_settled(stage)) {
        stage->range_first = 0;
    }
}

/* Ends the stage when the entry is not one that it may step. */
static bool check_entry(struct stage *stage, const struct entry *entry)
{
    if (!entry_follows(stage->upstream.chain, entry) && !MUTANT(36)) {
        fail(stage, BRANCH);
        return false;
    }
    if (!is_readable(stage, entry)) {
        fail(stage, NEWER);
        return false;
    }
    return true;
}

/* Behind an entry that was stepped before. */
static void recover(struct stage *stage)
{
    compare_open(stage);
    if (stage->state != STAGE_RECOVERING || stage->upstream.next <= stage->recover_until) {
        return;
    }
    if (memcmp(stage->upstream.chain, stage->recover_chain, JOURNAL_CHAIN_SIZE) != 0 &&
        !MUTANT(36)) {
        fail(stage, BRANCH);
        return;
    }
    go_live(stage);
}

static void take(struct stage *stage, const struct entry *entry)
{
    if (!check_entry(stage, entry)) {
        return;
    }
    step(stage, entry);
    stage->upstream.asked_ms = 0;
    if (stage->state == STAGE_RECOVERING) {
        recover(stage);
    }
}

/* Steps what is in the inbox until it is empty, there is no room, or the loop wants its turn. */
static void work_off(struct stage *stage)
{
    struct entry entry;
    uint64_t end_ms = now_ms(stage) + STEP_MS_MAX;

    while (is_stepping(stage) && stage->inbox_left.size > 0 && has_room(stage)) {
        if (now_ms(stage) >= end_ms) {
            world_of(stage)->wake_at(world_of(stage)->context, end_ms);
            break;
        }
        /* Bytes that did not survive the way are asked for again. */
        if (entry_load(&stage->inbox_left, &entry) != STATUS_OK) {
            stage->inbox_left = (struct bytes){0};
            break;
        }
        stage->upstream.last_known = max_u64(stage->upstream.last_known, entry.seq);
        if (entry.seq > stage->upstream.next && !MUTANT(10)) {
            stage->inbox_left = (struct bytes){0};
            break;
        }
        if (entry.seq == stage->upstream.next || MUTANT(10) || MUTANT(11)) {
            take(stage, &entry);
        }
    }
    if (stage->inbox_left.size == 0) {
        ask_if_behind(stage);
    }
    hand_over(stage);
}

/* The upstream feed is known to hold at least the first of these entries. */
static void note_first(struct stage *stage, struct bytes stored)
{
    struct entry entry;

    if (entry_load(&stored, &entry) == STATUS_OK) {
        stage->upstream.last_known = max_u64(stage->upstream.last_known, entry.seq);
    }
}

void stage_entries(struct stage *stage, uint32_t upstream, struct bytes stored)
{
    ENSURE(upstream == 0);
    if (stage->inbox_left.size > 0) {
        note_first(stage, stored); /* The feed keeps it: it is asked for when its turn comes. */
        return;
    }
    stage->inbox.size = 0;
    buffer_append(&stage->inbox, stored.data, stored.size);
    stage->inbox_left = buffer_view(&stage->inbox);
    work_off(stage);
}

/* Whether the upstream feed has lost what was taken in of it, and goes on to say so. Entries
 * overtake heads, by any time, on their way here: only an answer says that nothing came behind what
 * had been taken in when it was asked for. */
static bool is_shorter(struct stage *stage, uint64_t last, uint64_t from)
{
    struct upstream *upstream = &stage->upstream;

    if (last + 1 >= from && last >= stage->recover_until) {
        upstream->short_ms = last + 1 >= upstream->next ? 0 : upstream->short_ms;
        return false;
    }
    if (upstream->short_ms == 0) {
        upstream->short_ms = now_ms(stage);
    }
    return now_ms(stage) >= upstream->short_ms + SHORT_MS_MAX;
}

void stage_upstream_head(struct stage *stage, uint32_t upstream, const struct journal_head *head,
                         uint64_t from)
{
    ENSURE(upstream == 0);
    if (!is_stepping(stage)) {
        return;
    }
    if (stage->upstream.epoch == 0) {
        stage->upstream.epoch = head->epoch;
    }
    if (stage->upstream.epoch != head->epoch) {
        fail(stage, "the upstream journal is another one than before: restore them together");
        return;
    }
    if (head->oldest > stage->upstream.next) {
        fail(stage, "upstream no longer keeps the entries needed here: restore from a backup");
        return;
    }
    if (is_shorter(stage, head->last, from)) {
        fail(stage, "the upstream journal is shorter than it was: restore them together");
        return;
    }
    if (head->last + 1 < stage->upstream.next) {
        ask(stage); /* It may be late, or true. */
    }
    stage->upstream.last_known = max_u64(stage->upstream.last_known, head->last);
}

void stage_message(struct stage *stage, const struct client_message *message)
{
    const struct role *role = stage->options.role;
    struct effects effects = {.stage = stage};

    if (stage->state != STAGE_LIVE || role->message == NULL) {
        return;
    }
    role->message(stage->options.state, message, role->is_source ? &effects : NULL);
    hand_over(stage);
}

bool stage_takes_messages(const struct stage *stage)
{
    return stage->state == STAGE_LIVE && has_room(stage);
}

void stage_timer(struct stage *stage, uint64_t now)
{
    (void)now;
    work_off(stage);
}

void stage_wake(struct stage *stage, uint64_t now)
{
    const struct role *role = stage->options.role;
    struct effects effects = {.stage = stage};

    if (stage->inbox_left.size > 0) {
        work_off(stage);
    }
    if (stage->state != STAGE_LIVE || role->wake == NULL) {
        return;
    }
    role->wake(stage->options.state, now, role->is_source ? &effects : NULL);
    hand_over(stage);
}

/* --- Start and stop ------------------------------------------------------------------ */

enum status stage_open(const struct stage_options *options, struct stage **stage)
{
    ENSURE(options->checkpoint_entries > 0);
    ENSURE(options->role->version > 0);
    struct stage *opened = memory_take(1, sizeof *opened);

    opened->options = *options;
    opened->open = &opened->batches[0];
    opened->upstream.next = 1;
    *stage = opened;
    return STATUS_OK;
}

void stage_close(struct stage *stage)
{
    if (stage == NULL) {
        return;
    }
    batch_deinit(&stage->batches[0]);
    batch_deinit(&stage->batches[1]);
    expected_deinit(&stage->expected);
    buffer_deinit(&stage->inbox);
    buffer_deinit(&stage->scratch);
    free(stage);
}

static enum status load_own_row(struct stage *stage, struct bytes key, struct bytes value)
{
    if (bytes_equal(key, version_key) && value.size == 8) {
        if (load_u64(value.data) > stage->options.role->version && !MUTANT(37)) {
            fail(stage, NEWER);
        }
        return STATUS_OK;
    }
    if (value.size != PLACE_SIZE) {
        return STATUS_CORRUPT;
    }
    uint64_t first = load_u64(value.data);
    uint64_t second = load_u64(value.data + 8);

    if (bytes_equal(key, cursor_key)) {
        stage->upstream.epoch = first;
        stage->cursor_saved = second;
        memcpy(stage->recover_chain, value.data + 16, JOURNAL_CHAIN_SIZE);
    } else if (bytes_equal(key, checkpoint_key)) {
        stage->checkpoint_own = first;
        stage->checkpoint_taken = second;
        memcpy(stage->upstream.chain, value.data + 16, JOURNAL_CHAIN_SIZE);
    } else {
        return STATUS_CORRUPT;
    }
    return STATUS_OK;
}

enum status stage_load_row(struct stage *stage, uint8_t table, struct bytes key, struct bytes value)
{
    if (stage->state == STAGE_FAILED) {
        return STATUS_OK; /* The world knows why; rows of a newer version are not looked at. */
    }
    ENSURE(stage->state == STAGE_LOADING);
    if (table == STAGE_ROW_TABLE) {
        return load_own_row(stage, key, value);
    }
    return stage->options.role->load(stage->options.state, table, key, value);
}

/* A source meets its own entries again; the last one, at least, for its time. */
static enum status restore_source(struct stage *stage)
{
    const struct role *role = stage->options.role;
    struct entry entry;

    stage->expected.next = min_u64(stage->checkpoint_own + 1, max_u64(stage->head.last, 1));
    for (; stage->expected.next <= stage->head.last; stage->expected.next++) {
        enum status status = expected_read(&stage->expected, world_of(stage), &entry);
        if (status == STATUS_OK && !is_readable(stage, &entry)) {
            fail(stage, NEWER);
            return STATUS_OK;
        }
        if (status == STATUS_OK && entry.seq > stage->checkpoint_own) {
            status = role->restore(stage->options.state, &entry);
        }
        if (status != STATUS_OK) {
            return status == STATUS_END ? STATUS_CORRUPT : status;
        }
        stage->source_ms = entry.time_ms;
    }
    stage->next_seq = stage->head.last + 1;
    stage->settled_seq = stage->head.last; /* A batch's last entry settles. */
    return STATUS_OK;
}

enum status stage_begin(struct stage *stage, const struct journal_head *head)
{
    const struct role *role = stage->options.role;

    if (stage->state == STAGE_FAILED) {
        return STATUS_OK;
    }
    ENSURE(stage->state == STAGE_LOADING);
    if (stage->checkpoint_own > head->last || stage->checkpoint_taken > stage->cursor_saved) {
        return STATUS_CORRUPT;
    }
    stage->head = *head;
    stage->next_seq = stage->checkpoint_own + 1;
    stage->expected.next = stage->checkpoint_own + 1;
    stage->upstream.next = stage->checkpoint_taken + 1;
    stage->recover_until = stage->cursor_saved;
    stage->cursor_durable = stage->cursor_saved;
    enum status status = role->loaded(stage->options.state, stage->options.world, head);
    if (status == STATUS_OK && role->is_source) {
        status = restore_source(stage);
    }
    if (status != STATUS_OK || stage->state == STAGE_FAILED) {
        return status;
    }
    stage->state = STAGE_RECOVERING;
    if (role->is_source || stage->upstream.next > stage->recover_until) {
        go_live(stage);
    } else {
        ask(stage);
    }
    return STATUS_OK;
}

void stage_stop(struct stage *stage)
{
    if (stage->state == STAGE_LOADING || stage->state == STAGE_RECOVERING) {
        stage->state = STAGE_STOPPED;
    }
    if (stage->state != STAGE_LIVE) {
        return;
    }
    stage->state = STAGE_STOPPING;
    hand_over(stage);
    if (stage->committing == NULL) {
        stage->state = STAGE_STOPPED;
    }
}

bool stage_is_stopped(const struct stage *stage)
{
    return stage->state == STAGE_STOPPED || stage->state == STAGE_FAILED;
}

bool stage_is_live(const struct stage *stage)
{
    return stage->state == STAGE_LIVE;
}

struct journal_head stage_head(const struct stage *stage)
{
    return stage->head;
}

/* --- The control socket --------------------------------------------------------------- */

static const char *state_name(enum stage_state state)
{
    switch (state) {
    case STAGE_LOADING:
        return "loading";
    case STAGE_RECOVERING:
        return "recovering";
    case STAGE_LIVE:
        return "live";
    case STAGE_STOPPING:
        return "stopping";
    case STAGE_STOPPED:
        return "stopped";
    case STAGE_FAILED:
        return "failed";
    }
    UNREACHABLE();
}

static uint64_t lag_of(const struct stage *stage)
{
    uint64_t taken = stage->upstream.next - 1;
    return stage->upstream.last_known > taken ? stage->upstream.last_known - taken : 0;
}

void stage_report(const struct stage *stage, uint64_t process_id, struct buffer *answer)
{
    const struct role *role = stage->options.role;
    struct report_out out = {.count = 0};

    if (role->report != NULL && stage->state != STAGE_LOADING) {
        role->report(stage->options.state, &out);
    }
    struct report report = {
        .role = bytes_from_text(role->name),
        .ready = stage->state == STAGE_LIVE,
        .state = bytes_from_text(state_name(stage->state)),
        .pid = process_id,
        .last = stage->head.last,
        .cursor = stage->cursor_durable,
        .lag = lag_of(stage),
        .counters = {.items = out.counters, .count = out.count},
    };
    proto_encode(&REPORT, &report, answer);
}

static enum status answer_replay(struct stage *stage, struct bytes body, struct buffer *answer)
{
    struct replay replay;
    struct refusal refusal;
    struct arena arena = {0};
    const struct world *world = world_of(stage);

    enum status status = proto_decode(&REPLAY, body, &arena, &replay, &refusal);
    arena_deinit(&arena);
    if (status != STATUS_OK) {
        return status;
    }
    struct buffer *data = &stage->scratch;
    data->size = 0;
    status = world->read(world->context, max_u64(replay.from, 1),
                         (size_t)min_u64(replay.size_max, REPLAY_SIZE_MAX), data);
    if (status != STATUS_OK && status != STATUS_END && status != STATUS_GAP) {
        return status;
    }
    struct entries entries = {
        .epoch = stage->head.epoch,
        .oldest = stage->head.oldest,
        .last = stage->head.last,
        .data = buffer_view(data),
    };
    proto_encode(&ENTRIES, &entries, answer);
    return STATUS_OK;
}

enum status stage_control(struct stage *stage, struct bytes type, struct bytes body,
                          const char **answer_type, struct buffer *answer)
{
    const struct role *role = stage->options.role;

    if (bytes_equal(type, bytes_from_text(REPLAY.name)) && stage->state != STAGE_LOADING) {
        *answer_type = ENTRIES.name;
        return answer_replay(stage, body, answer);
    }
    if (role->control == NULL || stage->state != STAGE_LIVE) {
        return STATUS_NOT_FOUND;
    }
    return role->control(stage->options.state, type, body, answer_type, answer);
}
