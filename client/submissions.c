/*
 * submissions.c - commands on their way to the gateway.
 *
 * A submission lives in a slot from maillon_submit until its answer:
 *
 *     FREE -> QUEUED -> SENT -> FREE       answered
 *               ^  ^      |
 *               |  +------+                no answer in time, or a new connection
 *               +-- LATER <- SENT          the gateway was full
 *
 * Whatever was submitted between two turns goes out in as few messages as hold it. The id never
 * changes, so sending twice is harmless: the gateway gives the same answer again, and
 * the second one finds no slot. Slots keep their body's memory and the free list is a stack, so
 * that a steady flow allocates nothing and stays in the cache.
 */
#include "client/connection.h"

#include "core/base/mutant.h"

#include <stdlib.h>
#include <string.h>

#define SLOT_NONE UINT32_MAX
#define COMMAND_OVERHEAD 64 /* Bytes of a command's id, type and keys, at most. */

/* Lists. */

static void list_remove(struct submissions *submissions, uint32_t number)
{
    struct slot *slot = &submissions->slots[number];
    struct slot_list *list = &submissions->lists[slot->state];

    if (slot->previous == SLOT_NONE) {
        list->first = slot->next;
    } else {
        submissions->slots[slot->previous].next = slot->next;
    }
    if (slot->next == SLOT_NONE) {
        list->last = slot->previous;
    } else {
        submissions->slots[slot->next].previous = slot->previous;
    }
}

static void list_append(struct submissions *submissions, uint32_t number, enum slot_state state)
{
    struct slot *slot = &submissions->slots[number];
    struct slot_list *list = &submissions->lists[state];

    slot->state = state;
    slot->previous = list->last;
    slot->next = SLOT_NONE;
    if (list->last == SLOT_NONE) {
        list->first = number;
    } else {
        submissions->slots[list->last].next = number;
    }
    list->last = number;
}

static void list_prepend(struct submissions *submissions, uint32_t number, enum slot_state state)
{
    struct slot *slot = &submissions->slots[number];
    struct slot_list *list = &submissions->lists[state];

    slot->state = state;
    slot->previous = SLOT_NONE;
    slot->next = list->first;
    if (list->first == SLOT_NONE) {
        list->last = number;
    } else {
        submissions->slots[list->first].previous = number;
    }
    list->first = number;
}

static void move_behind(struct submissions *submissions, uint32_t number, enum slot_state state)
{
    list_remove(submissions, number);
    list_append(submissions, number, state);
}

static void move_before(struct submissions *submissions, uint32_t number, enum slot_state state)
{
    list_remove(submissions, number);
    list_prepend(submissions, number, state);
}

/* The index by id. */

static uint32_t home_of(const struct submissions *submissions, const uint8_t *id)
{
    return (uint32_t)hash_u64(load_u64(id) ^ hash_u64(load_u64(id + 8))) & submissions->index_mask;
}

/* Where `id` is in the index, or the empty place where it belongs. */
static uint32_t index_place(const struct submissions *submissions, const uint8_t *id)
{
    uint32_t place = home_of(submissions, id);

    while (submissions->index[place] != 0 &&
           memcmp(submissions->slots[submissions->index[place] - 1].id, id, SUBMISSION_ID_SIZE) !=
               0) {
        place = (place + 1) & submissions->index_mask;
    }
    return place;
}

static uint32_t find_slot(const struct submissions *submissions, const uint8_t *id)
{
    uint32_t entry = submissions->index[index_place(submissions, id)];

    return entry == 0 ? SLOT_NONE : entry - 1;
}

/* Closes the hole: what probed past it moves back, so that no tombstones are needed. */
static void index_remove(struct submissions *submissions, const uint8_t *id)
{
    uint32_t mask = submissions->index_mask;
    uint32_t hole = index_place(submissions, id);

    for (uint32_t at = (hole + 1) & mask; submissions->index[at] != 0; at = (at + 1) & mask) {
        uint32_t home = home_of(submissions, submissions->slots[submissions->index[at] - 1].id);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            submissions->index[hole] = submissions->index[at];
            hole = at;
        }
    }
    submissions->index[hole] = 0;
}

bool submissions_init(struct submissions *submissions, uint32_t window, uint32_t timeout_ms)
{
    uint32_t index_count = 16;

    while (index_count < 2 * window) {
        index_count *= 2;
    }
    *submissions = (struct submissions){
        .slots = calloc(window, sizeof *submissions->slots),
        .index = calloc(index_count, sizeof *submissions->index),
        .index_mask = index_count - 1,
        .later_due_ms = NO_DEADLINE,
        .timeout_ms = timeout_ms,
    };
    for (size_t state = 0; state < SLOT_STATE_COUNT; state++) {
        submissions->lists[state] = (struct slot_list){SLOT_NONE, SLOT_NONE};
    }
    if (submissions->slots == NULL || submissions->index == NULL) {
        return false;
    }
    submissions->slot_count = window;
    for (uint32_t number = 0; number < window; number++) {
        list_append(submissions, number, SLOT_FREE);
    }
    return true;
}

void submissions_deinit(struct submissions *submissions)
{
    for (uint32_t number = 0; number < submissions->slot_count; number++) {
        buffer_deinit(&submissions->slots[number].body);
    }
    free(submissions->slots);
    free(submissions->index);
    *submissions = (struct submissions){0};
}

size_t maillon_unanswered(const struct maillon *connection)
{
    return connection->submissions.unanswered_count;
}

/* Taking commands in. */

static bool is_map(struct bytes body)
{
    return body.size > 0 && ((body.data[0] & 0xf0) == 0x80 || (body.data[0] & 0xfe) == 0xde);
}

/* A message is refused as a whole when one of its commands makes no sense: none may get in. */
static enum maillon_status check_command(const struct message *message, struct bytes body)
{
    bool is_good = message != NULL && body.size <= COMMAND_SIZE_MAX && is_map(body) &&
                   proto_is_canonical(body);

    return is_good ? MAILLON_OK : MAILLON_DATA;
}

/* Room for a body, also when there was none; false when there is no memory. */
static MUST_USE bool reserve_body(struct buffer *body, size_t size)
{
    uint8_t *moved = size <= body->capacity ? body->data : realloc(body->data, size);

    if (moved == NULL) {
        return false;
    }
    body->data = moved;
    body->capacity = size > body->capacity ? size : body->capacity;
    return true;
}

static void fill_slot(struct slot *slot, const uint8_t *id, const struct message *message,
                      struct bytes body)
{
    memcpy(slot->id, id, SUBMISSION_ID_SIZE);
    slot->type = bytes_from_text(message->name);
    slot->body.size = 0;
    buffer_append(&slot->body, body.data, body.size);
    slot->full_count = 0;
}

enum maillon_status maillon_submit(struct maillon *connection, const char *type,
                                   const uint8_t id[MAILLON_ID_SIZE], const void *body, size_t size,
                                   maillon_answer_fn answered, void *user)
{
    struct submissions *submissions = &connection->submissions;
    const struct message *message = message_by_name(bytes_from_text(type));
    struct bytes bytes = {.data = body, .size = size};

    if (submissions->link == NULL) {
        return MAILLON_CONFIG;
    }
    enum maillon_status status = check_command(message, bytes);
    if (status != MAILLON_OK) {
        return status;
    }
    uint32_t place = index_place(submissions, id);
    if (submissions->index[place] != 0) {
        return MAILLON_CONFLICT;
    }
    uint32_t number = submissions->lists[SLOT_FREE].first;
    if (number == SLOT_NONE) {
        return MAILLON_TRY_AGAIN;
    }
    if (!reserve_body(&submissions->slots[number].body, size)) {
        return MAILLON_NO_MEMORY;
    }
    submissions->slots[number].answered = answered;
    submissions->slots[number].user = user;
    fill_slot(&submissions->slots[number], id, message, bytes);
    submissions->index[place] = number + 1;
    submissions->unanswered_count++;
    move_behind(submissions, number, SLOT_QUEUED);
    wake_up(connection);
    return MAILLON_OK;
}

/* Frees the slot first: the callback may submit again. */
static void finish(struct maillon *connection, uint32_t number, struct maillon_answer *answer)
{
    struct submissions *submissions = &connection->submissions;
    const struct slot *slot = &submissions->slots[number];
    maillon_answer_fn answered = slot->answered;
    void *user = slot->user;

    memcpy(answer->id, slot->id, sizeof answer->id);
    index_remove(submissions, slot->id);
    move_before(submissions, number, SLOT_FREE);
    submissions->unanswered_count--;
    if (answered != NULL) {
        answered(answer, user);
    }
}

void submissions_abandon(struct maillon *connection)
{
    struct submissions *submissions = &connection->submissions;

    if (submissions->slot_count == 0) {
        return; /* It was never opened in full. */
    }
    for (enum slot_state state = SLOT_QUEUED; state < SLOT_STATE_COUNT; state++) {
        while (submissions->lists[state].first != SLOT_NONE) {
            struct maillon_answer answer = {
                .status = MAILLON_UNREACHABLE, .code = "", .field = "", .why = "closed"};
            finish(connection, submissions->lists[state].first, &answer);
        }
    }
}

/* Answers. */

static void postpone(struct maillon *connection, uint32_t number, uint64_t hint_ms)
{
    struct submissions *submissions = &connection->submissions;
    struct slot *slot = &submissions->slots[number];

    slot->full_count++;
    slot->due_ms = retry_time(connection, hint_ms);
    submissions->later_due_ms = min_u64(submissions->later_due_ms, slot->due_ms);
    move_behind(submissions, number, SLOT_LATER);
}

/* The copy ends with a zero byte. */
static const char *text_of(struct maillon *connection, struct bytes bytes)
{
    return (const char *)arena_copy(&connection->arena, bytes).data;
}

static void refuse(struct maillon *connection, uint32_t number, const struct refused *refused)
{
    enum maillon_status status = status_from_code(refused->code);

    if (status == MAILLON_TRY_AGAIN &&
        connection->submissions.slots[number].full_count < FULL_COUNT_MAX) {
        postpone(connection, number, refused->retry_after_ms);
        return;
    }
    struct maillon_answer answer = {
        .status = status,
        .code = text_of(connection, refused->code),
        .field = text_of(connection, refused->field),
        .why = text_of(connection, refused->why),
        .retry_after_ms = refused->retry_after_ms,
    };
    finish(connection, number, &answer);
}

static void accept_result(struct maillon *connection, uint32_t number, const struct result *result)
{
    struct maillon_answer answer = {
        .status = MAILLON_OK,
        .position = result->position,
        .is_quarantined = result->quarantined,
        .code = "",
        .field = "",
        .why = result->why.size == 0 ? "" : text_of(connection, result->why),
    };

    memcpy(answer.chain, result->chain.data, sizeof answer.chain);
    finish(connection, number, &answer);
}

/* An answer that finds no slot is the second one to a command sent twice. */
static void take_result(struct maillon *connection, const struct result *result)
{
    if (result->id.size != SUBMISSION_ID_SIZE ||
        (result->accepted && result->chain.size != CHAIN_SIZE)) {
        connection->nonsense_count++;
        return;
    }
    uint32_t number = find_slot(&connection->submissions, result->id.data);
    if (number == SLOT_NONE) {
        return;
    }
    if (result->accepted) {
        accept_result(connection, number, result);
        return;
    }
    struct refused refused = {
        .code = result->code,
        .field = result->field,
        .why = result->why,
        .retry_after_ms = result->retry_after_ms,
    };
    refuse(connection, number, &refused);
}

static void take_answers(struct maillon *connection, struct bytes body)
{
    struct answers answers;

    if (!decode_body(connection, &ANSWERS, body, &answers)) {
        return;
    }
    const struct result *results = answers.results.items;
    for (size_t i = 0; i < answers.results.count; i++) {
        take_result(connection, &results[i]);
    }
}

/* Sets the slots of one batch aside, for callbacks may change the other lists. Without a batch
 * (the gateway could not even read the header) it is everything sent. */
static void set_aside(struct submissions *submissions, struct bytes id)
{
    uint64_t batch = id.size == sizeof batch ? load_u64(id.data) : 0;
    uint32_t next;

    for (uint32_t number = submissions->lists[SLOT_SENT].first; number != SLOT_NONE;
         number = next) {
        next = submissions->slots[number].next;
        if (id.size == 0 || submissions->slots[number].batch == batch) {
            move_behind(submissions, number, SLOT_TAKEN);
        }
    }
}

static void take_refused(struct maillon *connection, const struct incoming *message)
{
    struct submissions *submissions = &connection->submissions;
    struct refused refused;

    if (!decode_body(connection, &REFUSED, message->body, &refused)) {
        return;
    }
    set_aside(submissions, message->id);
    while (submissions->lists[SLOT_TAKEN].first != SLOT_NONE) {
        refuse(connection, submissions->lists[SLOT_TAKEN].first, &refused);
    }
}

static void receive_answers(struct maillon *connection)
{
    struct incoming message;

    for (int i = 0; i < MESSAGES_PER_TURN_MAX; i++) {
        if (receive_message(connection, connection->submissions.link, &message) != STATUS_OK) {
            return;
        }
        if (bytes_equal(message.type, bytes_from_text(ANSWERS.name))) {
            take_answers(connection, message.body);
        } else if (bytes_equal(message.type, bytes_from_text(REFUSED.name))) {
            take_refused(connection, &message);
        } else {
            connection->nonsense_count++;
        }
    }
}

/* Sending. */

/* Puts what was sent up to a deadline back in front of the queue, in the same order. */
static void requeue_sent(struct submissions *submissions, uint64_t due_ms)
{
    uint32_t last = SLOT_NONE;

    for (uint32_t number = submissions->lists[SLOT_SENT].first;
         number != SLOT_NONE && submissions->slots[number].due_ms <= due_ms;
         number = submissions->slots[number].next) {
        last = number;
    }
    while (last != SLOT_NONE) {
        uint32_t number = last;
        last = submissions->slots[number].previous;
        move_before(submissions, number, SLOT_QUEUED);
    }
}

static void requeue_later(struct submissions *submissions, uint64_t now_ms)
{
    uint32_t next;

    if (now_ms < submissions->later_due_ms) {
        return;
    }
    submissions->later_due_ms = NO_DEADLINE;
    for (uint32_t number = submissions->lists[SLOT_LATER].first; number != SLOT_NONE;
         number = next) {
        const struct slot *slot = &submissions->slots[number];
        next = slot->next;
        if (slot->due_ms <= now_ms) {
            move_behind(submissions, number, SLOT_QUEUED);
        } else {
            submissions->later_due_ms = min_u64(submissions->later_due_ms, slot->due_ms);
        }
    }
}

/* How many commands from the front of the queue fit the next message. */
static size_t count_fitting(const struct submissions *submissions)
{
    size_t count = 0;
    size_t size = 0;
    uint32_t number = submissions->lists[SLOT_QUEUED].first;

    while (number != SLOT_NONE && count < COMMANDS_PER_SUBMIT_MAX) {
        const struct slot *slot = &submissions->slots[number];
        size += slot->body.size + COMMAND_OVERHEAD;
        if (size > SUBMIT_SIZE_MAX) {
            break;
        }
        number = slot->next;
        count++;
    }
    return count;
}

/* The message SUBMIT is written by hand: this is the hot path, all parts have been checked, and
 * their sizes are known. The bytes are those that proto_encode gives; the tests compare. */

static void write_command(struct buffer *body, const struct slot *slot)
{
    static const uint8_t id_key[] = {0x83, 0xa2, 'i', 'd', 0xc4, SUBMISSION_ID_SIZE};
    static const uint8_t body_key[] = {0xa4, 'b', 'o', 'd', 'y'};
    const uint8_t type_key[] = {0xa1, 't', (uint8_t)(0xa0 | slot->type.size)};
    size_t size = sizeof id_key + sizeof slot->id + sizeof type_key + slot->type.size +
                  sizeof body_key + slot->body.size;
    uint8_t *at = buffer_extend(body, size);

    ENSURE(slot->type.size < 32); /* A short text's size is in its head. */
    at = mempcpy(at, id_key, sizeof id_key);
    at = mempcpy(at, slot->id, sizeof slot->id);
    at = mempcpy(at, type_key, sizeof type_key);
    at = mempcpy(at, slot->type.data, slot->type.size);
    at = mempcpy(at, body_key, sizeof body_key);
    mempcpy(at, slot->body.data, slot->body.size);
}

static void write_submit(struct buffer *body, const struct submissions *submissions, size_t count)
{
    static const uint8_t key[] = {0x81, 0xa8, 'c', 'o', 'm', 'm', 'a', 'n', 'd', 's'};
    const uint8_t few[] = {(uint8_t)(0x90 | count)};
    const uint8_t many[] = {0xdc, (uint8_t)(count >> 8), (uint8_t)count};
    uint32_t number = submissions->lists[SLOT_QUEUED].first;

    body->size = 0;
    buffer_append(body, key, sizeof key);
    buffer_append(body, count < 16 ? few : many, count < 16 ? sizeof few : sizeof many);
    for (size_t i = 0; i < count; i++) {
        write_command(body, &submissions->slots[number]);
        number = submissions->slots[number].next;
    }
}

static void mark_sent(struct submissions *submissions, size_t count, uint64_t due_ms)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t number = submissions->lists[SLOT_QUEUED].first;
        submissions->slots[number].batch = submissions->batch;
        submissions->slots[number].due_ms = due_ms;
        move_behind(submissions, number, SLOT_SENT);
    }
}

static void send_queued(struct maillon *connection)
{
    struct submissions *submissions = &connection->submissions;
    uint8_t id[sizeof submissions->batch];

    while (submissions->lists[SLOT_QUEUED].first != SLOT_NONE &&
           link_is_writable(submissions->link)) {
        size_t count = count_fitting(submissions);
        store_u64(id, ++submissions->batch);
        write_submit(&connection->body, submissions, count);
        if (send_body(connection, submissions->link, &SUBMIT,
                      (struct bytes){.data = id, .size = sizeof id}) != STATUS_OK) {
            return;
        }
        mark_sent(submissions, count, connection->now_ms + submissions->timeout_ms);
    }
}

void submissions_process(struct maillon *connection)
{
    struct submissions *submissions = &connection->submissions;

    if (submissions->link == NULL) {
        return;
    }
    if (link_refresh(submissions->link) && !MUTANT(28)) {
        requeue_sent(submissions, NO_DEADLINE);
    }
    if (link_is_denied(submissions->link)) {
        connection->verdict = MAILLON_DENIED;
    }
    receive_answers(connection);
    requeue_sent(submissions, MUTANT(29) ? 0 : connection->now_ms);
    requeue_later(submissions, connection->now_ms);
    send_queued(connection);
}

bool submissions_has_work(const struct submissions *submissions)
{
    if (submissions->link == NULL) {
        return false;
    }
    return link_is_readable(submissions->link) ||
           (submissions->lists[SLOT_QUEUED].first != SLOT_NONE &&
            link_is_writable(submissions->link));
}

uint64_t submissions_deadline_ms(const struct submissions *submissions)
{
    uint32_t first = submissions->lists[SLOT_SENT].first;
    uint64_t sent_ms = first == SLOT_NONE ? NO_DEADLINE : submissions->slots[first].due_ms;

    return min_u64(sent_ms, submissions->later_due_ms);
}
