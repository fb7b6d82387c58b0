/*
 * oracle.c - feeds as they become durable, receipts, what brokers say.
 */
#include "tests/sim/oracle.h"

#include "tests/sim/model.h"

#include <stdlib.h>
#include <string.h>

#define NO_INTENT UINT64_MAX

void oracle_open(struct sim *sim)
{
    sim->oracle = memory_take(1, sizeof *sim->oracle);
}

void oracle_close(struct sim *sim)
{
    struct oracle *oracle = sim->oracle;

    for (size_t i = 0; i < NODE_COUNT; i++) {
        free(oracle->feeds[i].hashes);
    }
    for (size_t i = 0; i < THING_COUNT; i++) {
        free(oracle->positions[i].seqs);
    }
    arena_deinit(&oracle->arena);
    buffer_deinit(&oracle->snapshot);
    free(oracle->intake);
    free(oracle->receipts);
    free(oracle->noted_upto);
    free(oracle->assignments);
    free(oracle->told);
    free(oracle);
}

void model_decode(struct sim *sim, const struct message *message, struct bytes body, void *record)
{
    struct refusal refusal;

    if (proto_decode(message, body, &sim->oracle->arena, record, &refusal) != STATUS_OK) {
        sim_violated(sim, "a %s does not decode: %s %s", message->name, refusal.field, refusal.why);
    }
}

/* --- The intake feed ----------------------------------------------------------------- */

static struct receipt *receipt_of(struct oracle *oracle, uint64_t intent)
{
    GROW(oracle->receipts, oracle->receipt_capacity, (size_t)intent + 1);
    return &oracle->receipts[intent];
}

bool oracle_has_taken(struct sim *sim, struct bytes id)
{
    uint64_t intent = 0;

    return work_find(sim, id, &intent) != NULL && receipt_of(sim->oracle, intent)->seq != 0;
}

/* Which of the commands meant under the id it is, by its body. */
static uint32_t variant_of(struct sim *sim, const struct intent *intent, uint16_t kind,
                           struct bytes body)
{
    for (uint32_t i = 0; i < intent->variant_count; i++) {
        if (intent->facts[i].kind == kind && bytes_equal(buffer_view(&intent->bodies[i]), body)) {
            return i;
        }
    }
    sim_violated(sim, "a command is in the journal that nobody sent");
}

static void check_position(struct sim *sim, uint64_t *last, uint64_t position)
{
    if (position != *last + 1) {
        sim_violated(sim, "position %llu follows position %llu", (unsigned long long)position,
                     (unsigned long long)*last);
    }
    *last = position;
}

static void take_submission(struct sim *sim, const struct entry *entry, const struct intake *intake,
                            struct intake_note *note)
{
    const struct intent *intent = work_find(sim, intake->id, &note->intent);

    if (intent == NULL) {
        sim_violated(sim, "an id is in the journal that nobody chose");
    }
    struct receipt *receipt = receipt_of(sim->oracle, note->intent);
    if (receipt->seq != 0) {
        sim_violated(sim, "submission %llu took effect twice: entries %llu and %llu",
                     (unsigned long long)note->intent, (unsigned long long)receipt->seq,
                     (unsigned long long)entry->seq);
    }
    note->is_by_admin = bytes_equal(intake->by, bytes_from_text(SIM_ADMIN_PARTY));
    if (!note->is_by_admin && !bytes_equal(intake->by, bytes_from_text(BY_LOCAL))) {
        sim_violated(sim, "somebody else submitted than who did");
    }
    if (note->is_by_admin && !kind_is_of_key(entry->kind)) {
        sim_violated(sim, "an admin did what only others may");
    }
    check_position(sim,
                   note->is_by_admin ? &sim->oracle->admin_position : &sim->oracle->local_position,
                   intake->position);
    note->variant = variant_of(sim, intent, entry->kind, intake->body);
    note->is_held_back = intake->quarantined;
    *receipt = (struct receipt){
        .seq = entry->seq,
        .position = intake->position,
        .gateway_life = sim->nodes[NODE_GATEWAY].life,
        .variant = note->variant,
        .is_by_admin = note->is_by_admin,
    };
    memcpy(receipt->chain, entry->chain, sizeof receipt->chain);
}

static void take_own(struct sim *sim, const struct entry *entry, const struct intake *intake,
                     struct intake_note *note)
{
    struct tick tick;

    check_position(sim, &sim->oracle->gateway_position, intake->position);
    if (entry->kind == KIND_TICK) {
        model_decode(sim, &TICK, intake->body, &tick);
        note->now_ms = tick.now;
    } else if (kind_is_of_key(entry->kind) && intake->position <= 3) {
        return; /* The first admin's. */
    } else if (entry->kind != KIND_RULES_PUT) {
        sim_violated(sim, "the gateway says something of kind %u", entry->kind);
    } else if (entry->seq > 1) {
        sim_seen(sim, SEEN_RULES);
    }
}

static void take_intake(struct sim *sim, const struct entry *entry)
{
    struct oracle *oracle = sim->oracle;
    struct intake intake;

    model_decode(sim, &INTAKE, entry->body, &intake);
    GROW(oracle->intake, oracle->intake_capacity, (size_t)entry->seq + 1);
    struct intake_note *note = &oracle->intake[entry->seq];
    *note = (struct intake_note){.kind = entry->kind, .intent = NO_INTENT};
    if (intake.id.size == 0) {
        take_own(sim, entry, &intake, note);
    } else {
        take_submission(sim, entry, &intake, note);
    }
}

/* --- The match feed ------------------------------------------------------------------ */

static void take_noted(struct sim *sim, const struct entry *entry)
{
    struct oracle *oracle = sim->oracle;
    struct noted noted;

    model_decode(sim, &NOTED, entry->body, &noted);
    uint64_t seq = ++oracle->noted_count;
    if (seq > oracle->feeds[NODE_GATEWAY].taken) {
        sim_violated(sim, "match notes a command that is not durable");
    }
    const struct intake_note *note = &oracle->intake[seq];
    const struct intent *intent = work_intent(sim, note->intent);
    struct bytes id = {intent == NULL ? NULL : intent->id, intent == NULL ? 0 : SUBMISSION_ID_SIZE};
    if (noted.kind != note->kind || !bytes_equal(noted.id, id) ||
        noted.quarantined != note->is_held_back) {
        sim_violated(sim, "match notes something else than intake entry %llu",
                     (unsigned long long)seq);
    }
}

static void take_match(struct sim *sim, const struct entry *entry)
{
    struct oracle *oracle = sim->oracle;

    if (entry->kind == KIND_NOTED) {
        take_noted(sim, entry);
    }
    GROW(oracle->noted_upto, oracle->noted_capacity, (size_t)entry->seq + 1);
    oracle->noted_upto[entry->seq] = oracle->noted_count;
}

/* --- Any feed ------------------------------------------------------------------------ */

static void check_order(struct sim *sim, enum node_number number, const struct entry *entry)
{
    struct oracle *oracle = sim->oracle;
    const struct node *upstream = number == 0 ? NULL : &sim->nodes[number - 1];

    if (entry->time_ms < oracle->feeds[number].time_ms) {
        sim_violated(sim, "feed %u: time goes back at entry %llu", number,
                     (unsigned long long)entry->seq);
    }
    oracle->feeds[number].time_ms = entry->time_ms;
    if (upstream == NULL) {
        return;
    }
    if (entry->cause_last < oracle->feeds[number].cause || entry->cause_first == 0 ||
        entry->cause_first > entry->cause_last) {
        sim_violated(sim, "feed %u: the causes of entry %llu are out of order", number,
                     (unsigned long long)entry->seq);
    }
    if (entry->cause_last > oracle->feeds[number - 1].taken) {
        sim_violated(sim, "feed %u: entry %llu was decided on what is not durable", number,
                     (unsigned long long)entry->seq);
    }
    oracle->feeds[number].cause = entry->cause_last;
}

/* No program goes on behind what a newer one wrote, nor decides on it. */
static void check_version(struct sim *sim, enum node_number number, const struct entry *entry)
{
    struct oracle *oracle = sim->oracle;
    uint64_t *newer_from = &oracle->feeds[number].newer_from;
    uint64_t upstream_from = number == 0 ? 0 : oracle->feeds[number - 1].newer_from;

    if (entry->version > STAGE_VERSION) {
        *newer_from = *newer_from == 0 ? entry->seq : *newer_from;
    } else if (*newer_from != 0) {
        sim_violated(sim, "feed %u: an older program goes on behind a newer one", number);
    } else if (upstream_from != 0 && entry->cause_last >= upstream_from) {
        sim_violated(sim, "feed %u: an older program decides on entries of a newer one", number);
    }
}

static void take_entry(struct sim *sim, enum node_number number, const struct entry *entry)
{
    check_order(sim, number, entry);
    check_version(sim, number, entry);
    switch (number) {
    case NODE_GATEWAY:
        take_intake(sim, entry);
        return;
    case NODE_MATCH:
        take_match(sim, entry);
        return;
    case NODE_ALLOCATE:
        model_take_told(sim, entry);
        return;
    case NODE_DISPATCH:
        model_take_dispatched(sim, entry);
        return;
    case NODE_COUNT:
        break;
    }
    UNREACHABLE();
}

/* An entry that was there before its journal fell back must be the same again. */
static void take_stored(struct sim *sim, const struct node *node, uint64_t seq)
{
    struct oracle *oracle = sim->oracle;
    struct bytes stored = storage_entry(&node->storage, seq);
    uint64_t hash = hash_bytes(stored.data, stored.size);
    struct entry entry;

    if (seq <= oracle->feeds[node->number].taken) {
        sim_seen(sim, SEEN_TAIL_MADE_ANEW);
        if (oracle->feeds[node->number].hashes[seq] != hash) {
            sim_violated(sim, "feed %u: entry %llu is another one than before", node->number,
                         (unsigned long long)seq);
        }
        return;
    }
    arena_reset(&oracle->arena);
    ENSURE(entry_load(&stored, &entry) == STATUS_OK);
    GROW(oracle->feeds[node->number].hashes, oracle->feeds[node->number].hash_capacity,
         (size_t)seq + 1);
    oracle->feeds[node->number].hashes[seq] = hash;
    take_entry(sim, node->number, &entry);
    oracle->feeds[node->number].taken = seq;
}

void oracle_wrote(struct sim *sim, const struct node *node)
{
    uint64_t last = node->storage.head.last;

    for (uint64_t seq = last + 1 - node->pending->entry_count; seq <= last; seq++) {
        take_stored(sim, node, seq);
    }
}

void oracle_started(struct sim *sim, const struct node *node)
{
    for (size_t i = 0; i < LINK_COUNT && node->number == NODE_DISPATCH; i++) {
        sim->oracle->ledgers[i] = (struct ledger){0};
    }
}

/* --- What brokers say ---------------------------------------------------------------- */

static void check_receipt(struct sim *sim, const struct result *result)
{
    uint64_t number = 0;

    if (work_find(sim, result->id, &number) == NULL) {
        sim_violated(sim, "an answer to something that nobody said");
    }
    struct receipt *receipt = receipt_of(sim->oracle, number);
    if (receipt->seq == 0) {
        sim_violated(sim, "submission %llu is acknowledged and not durable",
                     (unsigned long long)number);
    }
    if (receipt->position != result->position || result->chain.size != CHAIN_SIZE ||
        memcmp(receipt->chain, result->chain.data, CHAIN_SIZE) != 0) {
        sim_violated(sim, "submission %llu gets another receipt", (unsigned long long)number);
    }
    if (receipt->is_told) {
        bool is_later = receipt->gateway_life != sim->nodes[NODE_GATEWAY].life;
        sim_seen(sim, is_later ? SEEN_REPEATED_RESTART : SEEN_REPEATED);
    }
    receipt->is_told = true;
    if (result->quarantined) {
        sim_seen(sim, SEEN_QUARANTINED);
    }
}

static void check_answers(struct sim *sim, struct bytes body)
{
    struct answers answers;

    model_decode(sim, &ANSWERS, body, &answers);
    const struct result *results = answers.results.items;
    for (size_t i = 0; i < answers.results.count; i++) {
        if (results[i].accepted) {
            check_receipt(sim, &results[i]);
        } else if (bytes_equal(results[i].code, bytes_from_text(CODE_FULL))) {
            sim_seen(sim, SEEN_FULL);
        }
    }
}

void oracle_sends(struct sim *sim, const struct node *node, uint64_t peer, struct bytes header,
                  struct bytes body)
{
    struct header head;

    arena_reset(&sim->oracle->arena);
    model_decode(sim, &HEADER, header, &head);
    if (node->number == NODE_DISPATCH) {
        model_sends_stream(sim, peer, &head, body);
    } else if (bytes_equal(head.type, bytes_from_text(ANSWERS.name))) {
        check_answers(sim, body);
    } else {
        sim_violated(sim, "the gateway refuses a message of the library");
    }
}

/* --- What clients are told
 * ------------------------------------------------------------------------ */

static void check_accepted(struct sim *sim, const struct attempt *attempt,
                           const struct maillon_answer *answer)
{
    const struct receipt *receipt = receipt_of(sim->oracle, attempt->intent);

    if (!receipt->is_told || receipt->position != answer->position ||
        memcmp(receipt->chain, answer->chain, CHAIN_SIZE) != 0) {
        sim_violated(sim, "a client holds a receipt that the gateway did not give");
    }
    const struct intent *intent = work_intent(sim, attempt->intent);
    if (intent->facts[receipt->variant].kind != intent->facts[attempt->variant].kind ||
        !bytes_equal(buffer_view(&intent->bodies[receipt->variant]),
                     buffer_view(&intent->bodies[attempt->variant]))) {
        sim_violated(sim, "a client holds a receipt for what somebody else said");
    }
}

void oracle_answered(struct sim *sim, const struct attempt *attempt,
                     const struct maillon_answer *answer)
{
    const struct receipt *receipt = receipt_of(sim->oracle, attempt->intent);

    sim->figures->answers++;
    sim_mix(sim, answer->position ^ (uint64_t)answer->status << 56);
    if (answer->status == MAILLON_OK) {
        check_accepted(sim, attempt, answer);
    } else if (answer->status == MAILLON_CONFLICT && strcmp(answer->field, "id") == 0) {
        sim_seen(sim, SEEN_CONFLICT);
        bool is_same_speaker =
            receipt->is_by_admin == (client_number(attempt->client) == SIM_ADMIN_CLIENT);
        if (receipt->seq == 0 || (receipt->variant == attempt->variant && is_same_speaker)) {
            sim_violated(sim, "an id counts as used for something else, and is not");
        }
    }
}
