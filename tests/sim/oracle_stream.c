/*
 * oracle_stream.c - what clients see: the dispatcher's feed, its messages, histories.
 */
#include "tests/sim/model.h"

#include <stdlib.h>
#include <string.h>

#define THING_NONE UINT32_MAX

/* --- The dispatcher's feed
 * ------------------------------------------------------------------------ */

static void read_assignment(struct sim *sim, struct bytes body, struct told *told)
{
    struct assignment_event event;

    model_decode(sim, &ASSIGNMENT, body, &event);
    *told = (struct told){
        .is_doubt = bytes_equal(event.reason, bytes_from_text("not_allowed")),
        .is_trust = bytes_equal(event.reason, bytes_from_text("allowed_again")),
        .number = event.assignment,
        .state = event.state,
        .quantity = event.quantity,
        .before = event.before,
        .cause = event.cause,
        .at = event.at,
        .need = work_number(event.need, 'N'),
        .offer = work_number(event.offer, 'O'),
        .product = work_number(event.product, 'A'),
        .given = work_number(event.given, 'A'),
        .requester = work_number(event.requester, 'P'),
        .offerer = work_number(event.offerer, 'P'),
    };
}

static void read_answer(struct sim *sim, struct bytes body, struct told *told)
{
    struct answer_event event;

    model_decode(sim, &ANSWER, body, &event);
    *told = (struct told){
        .is_answer = true,
        .is_done = event.done,
        .number = event.assignment,
        .cause = event.cause,
        .at = event.at,
    };
    if (work_find(sim, event.id, &told->intent) == NULL) {
        sim_violated(sim, "an answer to a submission that nobody made");
    }
}

void model_read_told(struct sim *sim, struct bytes body, bool is_answer, struct told *told)
{
    if (is_answer) {
        read_answer(sim, body, told);
    } else {
        read_assignment(sim, body, told);
    }
}

bool model_is_same_told(const struct told *left, const struct told *right)
{
    return left->is_answer == right->is_answer && left->is_done == right->is_done &&
           left->number == right->number && left->state == right->state &&
           left->quantity == right->quantity && left->before == right->before &&
           left->cause == right->cause && left->at == right->at && left->need == right->need &&
           left->offer == right->offer && left->product == right->product &&
           left->given == right->given && left->is_doubt == right->is_doubt &&
           left->is_trust == right->is_trust && left->requester == right->requester &&
           left->offerer == right->offerer && left->intent == right->intent;
}

void model_take_dispatched(struct sim *sim, const struct entry *entry)
{
    const struct oracle *oracle = sim->oracle;
    struct told told;

    if (entry->seq > oracle->told_count) {
        sim_violated(sim, "dispatch tells what allocate has not durably said");
    }
    model_read_told(sim, entry->body, entry->kind == KIND_ANSWER, &told);
    if (!model_is_same_told(&told, &oracle->told[entry->seq])) {
        sim_violated(sim, "dispatch tells something else than allocate at entry %llu",
                     (unsigned long long)entry->seq);
    }
}

/* --- Positions
 * ------------------------------------------------------------------------------------ */

/* How many of a party's positions stand at or before `seq`. */
static uint64_t count_upto(const struct positions *positions, uint64_t seq)
{
    size_t count = positions->count;

    while (count > 0 && positions->seqs[count - 1] > seq) {
        count--;
    }
    return count;
}

static const struct positions *positions_of(const struct sim *sim, const struct follow *follow)
{
    return &sim->oracle->positions[work_number(bytes_from_text(follow->party), 'P')];
}

static bool is_of_all(const struct follow *follow)
{
    return follow->party[0] == '\0';
}

uint64_t oracle_stream_last(const struct sim *sim, const struct follow *follow)
{
    uint64_t last = sim->nodes[NODE_DISPATCH].storage.head.last;

    return is_of_all(follow) ? last : count_upto(positions_of(sim, follow), last);
}

/* The first position kept. */
static uint64_t stream_oldest(const struct sim *sim, const struct follow *follow)
{
    uint64_t oldest = sim->nodes[NODE_DISPATCH].storage.head.oldest;

    return is_of_all(follow) ? oldest : count_upto(positions_of(sim, follow), oldest - 1) + 1;
}

/* What stands at a position; it exists. */
static const struct told *told_at(const struct sim *sim, const struct follow *follow,
                                  uint64_t position)
{
    uint64_t seq = is_of_all(follow) ? position : positions_of(sim, follow)->seqs[position - 1];

    return &sim->oracle->told[seq];
}

static bool passes(const struct follow *follow, const struct told *told)
{
    return follow->product[0] == '\0' ||
           (!told->is_answer &&
            told->product == work_number(bytes_from_text(follow->product), 'A'));
}

/* --- What is sent
 * --------------------------------------------------------------------------------- */

static struct ledger *ledger_of(struct sim *sim, uint64_t peer)
{
    struct ledger *ledger = &sim->oracle->ledgers[peer % LINK_COUNT];

    if (ledger->peer != peer) {
        *ledger = (struct ledger){.peer = peer};
    }
    return ledger;
}

void oracle_gets(struct sim *sim, const struct node *node, uint64_t peer, struct bytes header,
                 struct bytes body)
{
    uint64_t credit_max = sim->knobs.credit_max;
    struct ledger *ledger = ledger_of(sim, peer);
    struct header head;
    union {
        struct subscribe subscribe;
        struct credit credit;
    } record;

    if (node->number != NODE_DISPATCH) {
        return;
    }
    arena_reset(&sim->oracle->arena);
    model_decode(sim, &HEADER, header, &head);
    if (bytes_equal(head.type, bytes_from_text(SUBSCRIBE.name))) {
        model_decode(sim, &SUBSCRIBE, body, &record);
        ledger->credit = min_u64(record.subscribe.credit, credit_max);
    } else if (bytes_equal(head.type, bytes_from_text(CREDIT.name))) {
        model_decode(sim, &CREDIT, body, &record);
        ledger->credit = min_u64(ledger->credit + min_u64(record.credit.n, credit_max), credit_max);
    }
}

static void check_event(struct sim *sim, uint64_t peer, struct bytes body)
{
    struct ledger *ledger = ledger_of(sim, peer);
    struct event message;

    model_decode(sim, &EVENT, body, &message);
    if (message.last > sim->nodes[NODE_DISPATCH].storage.head.last) {
        sim_violated(sim, "dispatch speaks of what is not durable");
    }
    if (message.events.count > ledger->credit) {
        sim_violated(sim, "dispatch sends %zu events where %llu may be sent", message.events.count,
                     (unsigned long long)ledger->credit);
    }
    ledger->credit -= message.events.count;
}

void model_sends_stream(struct sim *sim, uint64_t peer, const struct header *header,
                        struct bytes body)
{
    struct refused refused;

    if (bytes_equal(header->type, bytes_from_text(EVENT.name))) {
        check_event(sim, peer, body);
    } else if (bytes_equal(header->type, bytes_from_text(REFUSED.name))) {
        model_decode(sim, &REFUSED, body, &refused);
        bool is_full = bytes_equal(refused.code, bytes_from_text(CODE_FULL));
        bool is_no_one = bytes_equal(refused.code, bytes_from_text(CODE_STATE));
        if (is_full) {
            sim_seen(sim, SEEN_SUBSCRIBER_LIMIT);
        }
        if (!is_full && !is_no_one) {
            sim_violated(sim, "dispatch refuses a message of the library");
        }
    }
}

/* --- What is received
 * ----------------------------------------------------------------------------- */

/* Nothing between what was received and `position` was meant for the client. */
static void check_gap(struct sim *sim, const struct follow *follow, uint64_t position)
{
    for (uint64_t i = follow->after + 1; i < position; i++) {
        if (passes(follow, told_at(sim, follow, i))) {
            sim_violated(sim, "a client misses event %llu of its stream", (unsigned long long)i);
        }
    }
}

static void take_reset(struct sim *sim, struct follow *follow, const struct maillon_event *event)
{
    bool is_beyond = follow->after > oracle_stream_last(sim, follow);
    bool is_behind = follow->after + 1 < stream_oldest(sim, follow);

    if (is_beyond) {
        sim_seen(sim, SEEN_RESET_FUTURE);
    } else if (is_behind) {
        sim_seen(sim, SEEN_RESET_OLD);
    } else if (!sim->nodes[NODE_DISPATCH].fell_back && !follow->was_beyond) {
        sim_violated(sim, "a client is reset that stands well");
    }
    follow->after = event->seq;
}

void oracle_received(struct sim *sim, struct follow *follow, const struct maillon_event *event)
{
    struct told told;

    sim_mix(sim, event->seq ^ (uint64_t)event->kind << 56);
    if (event->kind == MAILLON_RESET) {
        take_reset(sim, follow, event);
        return;
    }
    bool is_there = event->seq <= (is_of_all(follow) ? sim->oracle->told_count
                                                     : positions_of(sim, follow)->count);
    bool is_head = event->kind == MAILLON_HEAD;
    if (!is_there || event->seq < follow->after || (event->seq == follow->after && !is_head)) {
        sim_violated(sim, "a client receives position %llu behind %llu",
                     (unsigned long long)event->seq, (unsigned long long)follow->after);
    }
    check_gap(sim, follow, event->seq + is_head);
    if (!is_head) {
        arena_reset(&sim->oracle->arena);
        model_read_told(sim, (struct bytes){event->body, event->size},
                        event->kind == MAILLON_ANSWERED, &told);
        if (!model_is_same_told(&told, told_at(sim, follow, event->seq)) ||
            !passes(follow, &told)) {
            sim_violated(sim, "a client receives another event at position %llu",
                         (unsigned long long)event->seq);
        }
    }
    if (follow->after > follow->asked) {
        sim_seen(sim, SEEN_STREAM_RESUMED);
    }
    follow->after = event->seq;
}
