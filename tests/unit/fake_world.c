#include "tests/unit/fake_world.h"

#include "core/base/calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPACE_PLENTY ((uint64_t)1 << 40)

struct parcel {
    struct buffer bytes;
};

/* --- The journal --------------------------------------------------------------------- */

void fake_journal_append(struct fake_journal *journal, const struct entry *entry)
{
    struct buffer body = {0};
    struct entry added = *entry;

    added.seq = journal->head.last + 1;
    entry_chain(journal->head.chain, &added, added.chain);
    buffer_append(&body, entry->body.data, entry->body.size);
    added.body = buffer_view(&body);
    GROW(journal->entries, journal->entry_capacity, (size_t)added.seq);
    journal->entries[added.seq - 1] = added;
    journal->head.last = added.seq;
    journal->head.oldest = max_u64(journal->head.oldest, 1);
    memcpy(journal->head.chain, added.chain, sizeof added.chain);
}

void fake_journal_trim(struct fake_journal *journal, uint64_t upto)
{
    ENSURE(upto <= journal->head.last);
    ENSURE(upto < journal->head.oldest + BATCH_TRIM_COUNT_MAX);
    journal->head.oldest = max_u64(journal->head.oldest, upto + 1);
}

enum status fake_journal_read(const struct fake_journal *journal, uint64_t from, size_t size_max,
                              struct buffer *stored)
{
    size_t size_before = stored->size;

    if (from < journal->head.oldest) {
        return STATUS_GAP;
    }
    if (from > journal->head.last) {
        return STATUS_END;
    }
    for (; from <= journal->head.last && stored->size - size_before < size_max; from++) {
        entry_store(&journal->entries[from - 1], stored);
    }
    return STATUS_OK;
}

static struct fake_row *find_row(struct fake_journal *journal, uint8_t table, struct bytes key)
{
    for (size_t i = 0; i < journal->row_count; i++) {
        struct fake_row *row = &journal->rows[i];
        if (row->table == table && bytes_equal(buffer_view(&row->key), key)) {
            return row;
        }
    }
    return NULL;
}

static void put_row(struct fake_journal *journal, uint8_t table, struct bytes key,
                    struct bytes value)
{
    struct fake_row *row = find_row(journal, table, key);

    if (row == NULL) {
        GROW(journal->rows, journal->row_capacity, journal->row_count + 1);
        row = &journal->rows[journal->row_count++];
        *row = (struct fake_row){.table = table};
        buffer_append(&row->key, key.data, key.size);
    }
    row->value.size = 0;
    buffer_append(&row->value, value.data, value.size);
}

static void release_row(struct fake_row *row)
{
    buffer_deinit(&row->key);
    buffer_deinit(&row->value);
}

void fake_journal_deinit(struct fake_journal *journal)
{
    for (uint64_t i = 0; i < journal->head.last; i++) {
        free((void *)(uintptr_t)journal->entries[i].body.data);
    }
    for (size_t i = 0; i < journal->row_count; i++) {
        release_row(&journal->rows[i]);
    }
    free(journal->entries);
    free(journal->rows);
    *journal = (struct fake_journal){0};
}

static void write_rows(struct fake_journal *journal, const struct batch *batch)
{
    for (size_t i = 0; i < batch->row_count; i++) {
        const struct batch_row *row = &batch->rows[i];
        struct bytes key = {batch->rows_bytes.data + row->key_start, row->key_size};
        struct bytes value = {batch->rows_bytes.data + row->value_start, row->value_size};
        ENSURE(key.size <= JOURNAL_ROW_KEY_SIZE_MAX);
        ENSURE(value.size <= JOURNAL_ROW_SIZE_MAX);
        put_row(journal, row->table, key, value);
    }
}

/* As batch_write does: entries get their chain, and body views that stand still. */
static void write_batch(struct fake_journal *journal, struct batch *batch)
{
    for (size_t i = 0; i < batch->entry_count; i++) {
        struct entry *entry = &batch->entries[i];
        ENSURE(entry->seq == journal->head.last + 1);
        entry->body = batch_body(batch, i);
        fake_journal_append(journal, entry);
        memcpy(entry->chain, journal->head.chain, sizeof entry->chain);
    }
    write_rows(journal, batch);
    if (batch->trim_upto > 0) {
        fake_journal_trim(journal, batch->trim_upto);
    }
}

/* --- What the stage calls ------------------------------------------------------------ */

static uint64_t world_now_ms(void *context)
{
    const struct fake_world *world = context;
    return world->time_ms;
}

static uint64_t world_space_free(void *context)
{
    const struct fake_world *world = context;
    return world->space;
}

static enum status peer_status(const struct fake_world *world, struct bytes name)
{
    for (size_t i = 0; i < world->peer_count; i++) {
        if (bytes_equal(buffer_view(&world->peers[i].name), name)) {
            return world->peers[i].status;
        }
    }
    return STATUS_OK;
}

static enum status world_send(void *context, struct bytes peer, struct bytes header,
                              struct bytes body)
{
    struct fake_world *world = context;
    enum status status = peer_status(world, peer);

    if (status != STATUS_OK) {
        return status;
    }
    GROW(world->sends, world->send_capacity, world->send_count + 1);
    struct fake_send *send = &world->sends[world->send_count++];
    *send = (struct fake_send){0};
    buffer_append(&send->peer, peer.data, peer.size);
    buffer_append(&send->header, header.data, header.size);
    buffer_append(&send->body, body.data, body.size);
    return STATUS_OK;
}

static struct parcel *world_parcel_make(void *context, struct bytes bytes)
{
    struct fake_world *world = context;
    struct parcel *parcel = memory_take(1, sizeof *parcel);

    buffer_append(&parcel->bytes, bytes.data, bytes.size);
    world->parcel_count++;
    return parcel;
}

static void world_parcel_release(void *context, struct parcel *parcel)
{
    struct fake_world *world = context;

    ENSURE(world->parcel_count > 0);
    world->parcel_count--;
    buffer_deinit(&parcel->bytes);
    free(parcel);
}

static enum status world_send_parcel(void *context, struct bytes peer, struct parcel *header,
                                     struct parcel *body)
{
    return world_send(context, peer, buffer_view(&header->bytes), buffer_view(&body->bytes));
}

static void world_admit(void *context, const struct registry *registry)
{
    (void)context;
    (void)registry;
}

static void world_wake_at(void *context, uint64_t time_ms)
{
    struct fake_world *world = context;
    world->wake_ms = min_u64(world->wake_ms, time_ms);
}

static void world_commit(void *context, struct batch *batch)
{
    struct fake_world *world = context;

    ENSURE(world->pending == NULL);
    world->pending = batch;
    world->is_written = false;
}

static enum status world_read(void *context, uint64_t from, size_t size_max, struct buffer *stored)
{
    const struct fake_world *world = context;

    return world->read_status != STATUS_OK
               ? world->read_status
               : fake_journal_read(&world->journal, from, size_max, stored);
}

static void world_publish(void *context, struct bytes stored)
{
    struct fake_world *world = context;
    buffer_append(&world->published, stored.data, stored.size);
}

static void world_ask(void *context, uint32_t upstream, uint64_t from)
{
    struct fake_world *world = context;

    if (upstream == 0) { /* What is watched, tests hand over by themselves. */
        world->ask_count++;
        world->asked = from;
    }
}

static void world_fail(void *context, const char *message)
{
    struct fake_world *world = context;
    snprintf(world->failure, sizeof world->failure, "%s", message);
}

/* --- What the test calls ------------------------------------------------------------- */

void fake_world_init(struct fake_world *world)
{
    *world = (struct fake_world){
        .world = {.context = world,
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
        .journal = {.head = {.epoch = 1, .oldest = 1}},
        .time_ms = 1,
        .space = SPACE_PLENTY,
        .wake_ms = TIME_NONE,
    };
}

void fake_world_forget_sends(struct fake_world *world)
{
    for (size_t i = 0; i < world->send_count; i++) {
        buffer_deinit(&world->sends[i].peer);
        buffer_deinit(&world->sends[i].header);
        buffer_deinit(&world->sends[i].body);
    }
    world->send_count = 0;
}

void fake_world_deinit(struct fake_world *world)
{
    fake_world_forget_sends(world);
    free(world->sends);
    for (size_t i = 0; i < world->peer_count; i++) {
        buffer_deinit(&world->peers[i].name);
    }
    free(world->peers);
    buffer_deinit(&world->published);
    fake_journal_deinit(&world->journal);
}

static int compare_rows(const void *left, const void *right)
{
    const struct fake_row *first = left;
    const struct fake_row *second = right;

    return first->table != second->table
               ? (first->table < second->table ? -1 : 1)
               : bytes_compare(buffer_view(&first->key), buffer_view(&second->key));
}

enum status fake_world_start(struct fake_world *world, struct stage_options *options,
                             struct stage **stage)
{
    struct fake_journal *journal = &world->journal;
    struct stage *opened = NULL;

    options->world = &world->world;
    enum status status = stage_open(options, &opened);
    ENSURE(status == STATUS_OK);
    if (journal->row_count > 0) {
        qsort(journal->rows, journal->row_count, sizeof *journal->rows, compare_rows);
    }
    for (size_t i = 0; i < journal->row_count && status == STATUS_OK; i++) {
        const struct fake_row *row = &journal->rows[i];
        status =
            stage_load_row(opened, row->table, buffer_view(&row->key), buffer_view(&row->value));
    }
    if (status == STATUS_OK) {
        status = stage_begin(opened, &journal->head);
    }
    if (status != STATUS_OK) {
        stage_close(opened);
        return status;
    }
    *stage = opened;
    return STATUS_OK;
}

bool fake_world_write(struct fake_world *world)
{
    if (world->pending == NULL || world->is_written) {
        return false;
    }
    write_batch(&world->journal, world->pending);
    world->is_written = true;
    return true;
}

bool fake_world_tell(struct fake_world *world, struct stage *stage)
{
    struct batch *batch = world->pending;

    if (batch == NULL || !world->is_written) {
        return false;
    }
    world->pending = NULL;
    world->is_written = false;
    stage_committed(stage, batch, STATUS_OK);
    return true;
}

void fake_world_settle(struct fake_world *world, struct stage *stage)
{
    while (fake_world_write(world) || fake_world_tell(world, stage)) {
    }
}

void fake_world_pass(struct fake_world *world, struct stage *stage, uint64_t duration_ms)
{
    world->time_ms += duration_ms;
    stage_timer(stage, world->time_ms);
    if (world->wake_ms <= world->time_ms) {
        world->wake_ms = TIME_NONE;
        stage_wake(stage, world->time_ms);
    }
}

void fake_world_crash(struct fake_world *world)
{
    world->pending = NULL;
    world->is_written = false;
    world->wake_ms = TIME_NONE;
    world->ask_count = 0;
    world->published.size = 0;
    world->failure[0] = '\0';
    fake_world_forget_sends(world);
}

void fake_world_set_peer(struct fake_world *world, const char *peer, enum status status)
{
    struct bytes name = bytes_from_text(peer);

    for (size_t i = 0; i < world->peer_count; i++) {
        if (bytes_equal(buffer_view(&world->peers[i].name), name)) {
            world->peers[i].status = status;
            return;
        }
    }
    GROW(world->peers, world->peer_capacity, world->peer_count + 1);
    struct fake_peer *added = &world->peers[world->peer_count++];
    *added = (struct fake_peer){.status = status};
    buffer_append(&added->name, name.data, name.size);
}
