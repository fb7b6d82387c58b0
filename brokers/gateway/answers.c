#include "brokers/gateway/answers.h"

#include "core/base/mutant.h"
#include "node/reply.h"

#include <stdlib.h>
#include <string.h>

#define QUEUE_COUNT_MIN 64
#define WHY_SIZE sizeof((struct refusal){0}.why)

static void grow(struct answers_queue *queue)
{
    size_t capacity = queue->capacity == 0 ? QUEUE_COUNT_MIN : queue->capacity * 2;
    struct waiting *items = memory_take(capacity, sizeof *items);

    for (size_t i = 0; i < queue->capacity; i++) {
        items[i] = queue->items[(queue->first + i) % queue->capacity];
    }
    free(queue->items);
    queue->items = items;
    queue->capacity = capacity;
    queue->first = 0;
}

struct waiting *answers_push(struct answers_queue *queue, struct bytes peer,
                             struct bytes request_id)
{
    ENSURE(peer.size <= PEER_SIZE_MAX);
    ENSURE(request_id.size <= REQUEST_ID_SIZE_MAX);
    if (queue->count == queue->capacity) {
        grow(queue);
    }
    struct waiting *waiting = &queue->items[(queue->first + queue->count++) % queue->capacity];
    memcpy(waiting->peer, peer.data, peer.size);
    waiting->peer_size = peer.size;
    if (request_id.size > 0) {
        memcpy(waiting->request_id, request_id.data, request_id.size);
    }
    waiting->request_id_size = request_id.size;
    waiting->seq_last = 0;
    waiting->verdict_count = 0;
    return waiting;
}

struct verdict *waiting_add(struct waiting *waiting, struct bytes id)
{
    ENSURE(id.size == SUBMISSION_ID_SIZE);
    GROW(waiting->verdicts, waiting->verdict_capacity, waiting->verdict_count + 1);
    struct verdict *verdict = &waiting->verdicts[waiting->verdict_count++];

    /* The refusal's texts are written when they are used. */
    memcpy(verdict->id, id.data, sizeof verdict->id);
    verdict->seq = 0;
    verdict->position = 0;
    verdict->is_quarantined = false;
    verdict->retry_after_ms = 0;
    verdict->refusal.code = "";
    verdict->refusal.field[0] = '\0';
    verdict->refusal.why[0] = '\0';
    return verdict;
}

struct waiting *answers_first(struct answers_queue *queue)
{
    return queue->count == 0 ? NULL : &queue->items[queue->first];
}

void answers_pop(struct answers_queue *queue)
{
    ENSURE(queue->count > 0);
    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
}

void answers_deinit(struct answers_queue *queue)
{
    for (size_t i = 0; i < queue->capacity; i++) {
        free(queue->items[i].verdicts);
    }
    free(queue->items);
    *queue = (struct answers_queue){0};
}

static void refuse_result(struct result *result, const struct refusal *refusal)
{
    result->code = bytes_from_text(refusal->code);
    result->field = bytes_from_text(refusal->field);
    result->why = bytes_from_text(refusal->why);
}

/* The entry that took a repeated command in, read back. */
static enum status read_intake(const struct world *world, uint64_t seq, struct arena *arena,
                               struct entry *entry, struct intake *intake)
{
    struct buffer stored = {0};
    struct refusal refusal;
    enum status status = world->read(world->context, seq, 1, &stored);
    struct bytes kept = arena_copy(arena, buffer_view(&stored));

    buffer_deinit(&stored);
    if (status == STATUS_OK) {
        status = entry_load(&kept, entry);
    }
    return status == STATUS_OK ? proto_decode(&INTAKE, entry->body, arena, intake, &refusal)
                               : status;
}

/* The stored answer of entry `seq`, when it really holds this id and this body. */
static void repeat_result(const struct verdict *verdict, const struct world *world,
                          struct arena *arena, struct result *result)
{
    static const struct refusal conflict = {
        .code = CODE_CONFLICT,
        .field = "id",
        .why = "this submission id was used for another command",
    };
    static const struct refusal unreadable = {
        .code = CODE_STATE,
        .field = "id",
        .why = "this submission id was taken in; its entry cannot be read now",
    };
    struct entry entry;
    struct intake intake;
    struct bytes id = {verdict->id, sizeof verdict->id};

    if (read_intake(world, verdict->seq, arena, &entry, &intake) != STATUS_OK) {
        refuse_result(result, &unreadable);
        result->retry_after_ms = RETRY_MS;
        return;
    }
    bool is_other = entry.kind != verdict->command_kind ||
                    hash_bytes(intake.by.data, intake.by.size) != verdict->by_hash ||
                    hash_bytes(intake.body.data, intake.body.size) != verdict->body_hash;
    if (!bytes_equal(intake.id, id) || (is_other && !MUTANT(5))) {
        refuse_result(result, &conflict);
        return;
    }
    result->accepted = true;
    result->position = intake.position;
    result->quarantined = intake.quarantined;
    result->chain = arena_copy(arena, (struct bytes){entry.chain, sizeof entry.chain});
    if (intake.quarantined) {
        char *why = arena_take(arena, WHY_SIZE);
        intake_explain_quarantine(entry.kind, why, WHY_SIZE);
        result->why = bytes_from_text(why);
    }
}

static void fill_result(const struct verdict *verdict, const struct world *world,
                        const struct entry *entries, size_t entry_count, struct arena *arena,
                        struct result *result)
{
    *result = (struct result){.id = {verdict->id, sizeof verdict->id}};
    switch (verdict->kind) {
    case VERDICT_REFUSED:
        refuse_result(result, &verdict->refusal);
        result->retry_after_ms = verdict->retry_after_ms;
        return;
    case VERDICT_REPEATED:
        repeat_result(verdict, world, arena, result);
        return;
    case VERDICT_TAKEN:
        ENSURE(entry_count > 0);
        ENSURE(verdict->seq >= entries[0].seq);
        ENSURE(verdict->seq - entries[0].seq < entry_count);
        result->accepted = true;
        result->position = verdict->position;
        result->quarantined = verdict->is_quarantined;
        result->why = bytes_from_text(verdict->refusal.why);
        result->chain = (struct bytes){entries[verdict->seq - entries[0].seq].chain, CHAIN_SIZE};
        return;
    }
    UNREACHABLE();
}

enum status answers_send(const struct waiting *waiting, const struct world *world,
                         const struct entry *entries, size_t entry_count, struct arena *arena)
{
    struct result *results = arena_take(arena, waiting->verdict_count * sizeof *results);
    struct answers answers = {.results = {.items = results, .count = waiting->verdict_count}};

    for (size_t i = 0; i < waiting->verdict_count; i++) {
        fill_result(&waiting->verdicts[i], world, entries, entry_count, arena, &results[i]);
    }
    return reply(world, (struct bytes){waiting->peer, waiting->peer_size},
                 (struct bytes){waiting->request_id, waiting->request_id_size}, &ANSWERS, &answers);
}
