/*
 * intake.c - one command: known id? well formed? known references? plausible? Then in.
 *
 * The gateway folds what it takes in into a market of its own, so a command is judged against
 * everything accepted before it, also in the same message.
 */
#include "brokers/gateway/state.h"
#include "core/base/mutant.h"
#include "core/life/life.h"
#include "node/keyring.h"

#include <stdio.h>
#include <string.h>

#define SUGGEST_COUNT_MAX 1000 /* Beyond so many names the nearest one is not looked for. */
#define SUGGEST_DISTANCE_MAX 2
#define FIRST_ADMIN_PARTY "admin"

static void refuse(struct refusal *refusal, const char *code, const char *field, const char *why)
{
    refusal->code = code;
    snprintf(refusal->field, sizeof refusal->field, "%s", field);
    snprintf(refusal->why, sizeof refusal->why, "%s", why);
}

bool intake_is_full(const struct gateway *gateway, struct refusal *refusal)
{
    const struct market *market = gateway->market;

    if (gateway->world->space_free(gateway->world->context) < gateway->options.space_floor) {
        refuse(refusal, CODE_FULL, "", "the journal's disk is below its floor of free space");
        return true;
    }
    if (gateway->ids.count >= gateway->options.ids_max) {
        refuse(refusal, CODE_FULL, "", "the limit of submission ids is reached (gateway.ids_max)");
        return true;
    }
    if (market->need_ids.count >= MARKET_NEED_COUNT_MAX ||
        market->offer_ids.count >= MARKET_OFFER_COUNT_MAX ||
        market->party_ids.count >= MARKET_PARTY_COUNT_MAX ||
        market->product_ids.count >= MARKET_PRODUCT_COUNT_MAX ||
        market->rule_ids.count >= MARKET_RULE_COUNT_MAX) {
        refuse(refusal, CODE_FULL, "",
               "the limit of parties, products, needs, offers or rules is reached");
        return true;
    }
    return false;
}

/* True when `names` knows `id`; else the refusal names `field`, with the nearest name when that is
 * cheap. */
static bool check_known(const struct names *names, struct bytes id, const char *field,
                        struct refusal *refusal)
{
    if (names_find(names, id) != NAME_NONE) {
        return true;
    }
    uint32_t nearest = names->count > SUGGEST_COUNT_MAX
                           ? NAME_NONE
                           : names_nearest(names, id, SUGGEST_DISTANCE_MAX);
    refuse(refusal, CODE_UNKNOWN, field, "");
    if (nearest == NAME_NONE) {
        snprintf(refusal->why, sizeof refusal->why, "no %s with id \"%.*s\" is known", field,
                 BYTES_ARGS(id));
    } else {
        snprintf(refusal->why, sizeof refusal->why,
                 "no %s with id \"%.*s\" is known; did you mean \"%.*s\"?", field, BYTES_ARGS(id),
                 BYTES_ARGS(names_text(names, nearest)));
    }
    return false;
}

static bool check_references(const struct market *market, uint16_t kind,
                             const union command *command, struct refusal *refusal)
{
    switch (kind) {
    case KIND_NEED_PUT:
        return check_known(&market->party_ids, command->need_put.party, "party", refusal) &&
               check_known(&market->product_ids, command->need_put.product, "product", refusal);
    case KIND_OFFER_PUT:
        return check_known(&market->party_ids, command->offer_put.party, "party", refusal) &&
               check_known(&market->product_ids, command->offer_put.product, "product", refusal);
    case KIND_CAPACITY_PUT:
        return check_known(&market->offer_ids, command->capacity_put.offer, "offer", refusal);
    case KIND_SUBSTITUTE_PUT:
        return check_known(&market->product_ids, command->substitute_put.product, "product",
                           refusal) &&
               check_known(&market->product_ids, command->substitute_put.given, "given", refusal);
    case KIND_NORM_PUT:
        return check_known(&market->product_ids, command->norm_put.product, "product", refusal);
    case KIND_CERTIFICATE_PUT:
        return check_known(&market->party_ids, command->certificate_put.party, "party", refusal) &&
               check_known(&market->product_ids, command->certificate_put.product, "product",
                           refusal);
    case KIND_EXCLUSION_PUT:
        return check_known(&market->party_ids, command->exclusion_put.party, "party", refusal) &&
               check_known(&market->party_ids, command->exclusion_put.other, "other", refusal);
    case KIND_NEED_CANCEL:
    case KIND_NEED_RELEASE:
        return check_known(&market->need_ids, command->id_command.id, "need", refusal);
    case KIND_OFFER_WITHDRAW:
    case KIND_OFFER_RELEASE:
        return check_known(&market->offer_ids, command->id_command.id, "offer", refusal);
    case KIND_ASSIGNMENT_ACCEPT:
    case KIND_ASSIGNMENT_DECLINE:
    case KIND_ASSIGNMENT_SHIP:
    case KIND_ASSIGNMENT_RECEIVE:
    case KIND_ASSIGNMENT_CANCEL:
        return check_known(&market->party_ids, command->assignment.party, "party", refusal);
    case KIND_KEY_REGISTER:
        return check_known(&market->party_ids, command->key_register.party, "party", refusal);
    default:
        return true;
    }
}

/* A decline or a cancellation gives its reason from the closed list. */
static bool check_reason(uint16_t kind, const union command *command, struct refusal *refusal)
{
    struct buffer list = {0};

    if ((kind != KIND_ASSIGNMENT_DECLINE && kind != KIND_ASSIGNMENT_CANCEL) ||
        life_is_reason(command->assignment.reason)) {
        return true;
    }
    for (const char *const *reason = life_reasons(); *reason != NULL; reason++) {
        buffer_format(&list, "%s%s", list.size == 0 ? "" : ", ", *reason);
    }
    refuse(refusal, CODE_RANGE, "reason", "");
    snprintf(refusal->why, sizeof refusal->why, "one of %.*s", BYTES_ARGS(buffer_view(&list)));
    buffer_deinit(&list);
    return false;
}

/* What the market says to a command it did not take. */
static bool check_outcome(enum outcome outcome, struct refusal *refusal)
{
    switch (outcome) {
    case OUTCOME_CREATED:
    case OUTCOME_CHANGED:
    case OUTCOME_UNCHANGED:
    case OUTCOME_QUARANTINED:
    case OUTCOME_ENDED:
    case OUTCOME_PASSED_ON:
        return true;
    case OUTCOME_STALE:
        refuse(refusal, CODE_STATE, "number",
               "a newer or better sourced report about these days is known");
        return false;
    case OUTCOME_UNKNOWN:
        refuse(refusal, CODE_UNKNOWN, "", "it names something nobody knows");
        return false;
    case OUTCOME_CONFLICT:
        refuse(refusal, CODE_CONFLICT, "product",
               "what it is about stays for ever: end this one and put a new one");
        return false;
    case OUTCOME_FULL:
        refuse(refusal, CODE_FULL, "", "its product or party has as many of these as it may");
        return false;
    case OUTCOME_STATE:
        refuse(refusal, CODE_STATE, "", "not possible in the state it is in");
        return false;
    }
    UNREACHABLE();
}

void intake_explain_quarantine(uint16_t kind, char why[], size_t why_size)
{
    snprintf(why, why_size, "held back until it is released: above the product's %s",
             kind == KIND_NEED_PUT ? "need_max" : "offer_max");
}

/* Whether what a put is about waits for its release now. */
static bool is_held_back(const struct market *market, uint16_t kind, uint32_t number)
{
    return kind == KIND_NEED_PUT ? market->needs[number].state == NEED_QUARANTINED
                                 : market->offers[number].state == OFFER_QUARANTINED;
}

/* The last position given to a submitter. Borrowed until the next call. */
static uint64_t *position_of(struct gateway *gateway, struct bytes user)
{
    uint32_t number = names_add(&gateway->submitters, user);

    GROW(gateway->positions, gateway->position_capacity, (size_t)number + 1);
    return &gateway->positions[number];
}

static uint64_t next_position(struct gateway *gateway, struct bytes user)
{
    return ++*position_of(gateway, user);
}

static void append(struct gateway *gateway, uint16_t kind, const struct intake *intake,
                   struct effects *effects)
{
    uint64_t seq = effect_next_seq(effects);

    gateway->scratch.size = 0;
    proto_encode(&INTAKE, intake, &gateway->scratch);
    effect_append(effects, kind, buffer_view(&gateway->scratch));
    ids_add(&gateway->ids, seq, intake->id);
}

/* Decodes and checks. Rights come before everything that depends on what is known. */
static bool check(struct gateway *gateway, const struct message *message, struct bytes body,
                  const struct speaker *speaker, union command *command, struct refusal *refusal)
{
    if (proto_decode(message, body, &gateway->arena, command, refusal) != STATUS_OK) {
        return false;
    }
    if (!speaker_may(speaker, &gateway->registry, gateway->market, message->kind, command,
                     refusal)) {
        gateway->counters.denied++;
        return false;
    }
    return check_references(gateway->market, message->kind, command, refusal) &&
           check_reason(message->kind, command, refusal);
}

/* On success the command is part of what is known. */
static bool admit(struct gateway *gateway, const struct message *message,
                  const struct speaker *speaker, union command *command, struct verdict *verdict)
{
    struct refusal *refusal = &verdict->refusal;
    struct market_change change;

    if (kind_is_of_key(message->kind)) {
        return keys_apply(gateway, message->kind, command, speaker->key, refusal);
    }
    bool is_implausible = market_is_implausible(gateway->market, message->kind, command);
    market_apply(gateway->market, message->kind, command, is_implausible, &change);
    if (!check_outcome(change.outcome, refusal)) {
        return false;
    }
    market_rows_note(&gateway->rows, message->kind, &change);
    /* Put again as it was released, it is not held back once more. */
    verdict->is_quarantined =
        is_implausible && is_held_back(gateway->market, message->kind, change.number);
    if (verdict->is_quarantined) {
        intake_explain_quarantine(message->kind, refusal->why, sizeof refusal->why);
    }
    return true;
}

static void refuse_type(const struct submission *submission, struct refusal *refusal)
{
    refuse(refusal, CODE_UNKNOWN, "t", "");
    snprintf(refusal->why, sizeof refusal->why, "\"%.*s\" is no command that can be submitted",
             (int)min_u64(submission->type.size, 40), (const char *)submission->type.data);
}

void intake_take(struct gateway *gateway, const struct submission *submission, struct bytes user,
                 struct effects *effects, struct verdict *verdict)
{
    const struct message *message = message_by_name(submission->type);
    struct speaker speaker;
    union command command;

    verdict->kind = VERDICT_REFUSED;
    if (!speaker_find(&gateway->registry, user, gateway->now_ms, &speaker, &verdict->refusal)) {
        gateway->counters.denied++;
        return;
    }
    if (message == NULL) {
        refuse_type(submission, &verdict->refusal);
        return;
    }
    verdict->seq = MUTANT(2) ? 0 : ids_find(&gateway->ids, submission->id);
    if (verdict->seq != 0) {
        verdict->kind = VERDICT_REPEATED;
        verdict->command_kind = message->kind;
        verdict->body_hash = hash_bytes(submission->body.data, submission->body.size);
        verdict->by_hash = hash_bytes(speaker.by.data, speaker.by.size);
        return;
    }
    if (intake_is_full(gateway, &verdict->refusal)) {
        verdict->retry_after_ms = RETRY_MS;
        return;
    }
    speaker.by = arena_copy(&gateway->arena, speaker.by); /* The registry may move its names. */
    if (!check(gateway, message, submission->body, &speaker, &command, &verdict->refusal) ||
        !admit(gateway, message, &speaker, &command, verdict)) {
        return;
    }
    verdict->kind = VERDICT_TAKEN;
    verdict->seq = effect_next_seq(effects);
    verdict->position = next_position(gateway, speaker.by);
    struct intake intake = {
        .id = submission->id,
        .by = speaker.by,
        .key = speaker.key,
        .position = verdict->position,
        .quarantined = verdict->is_quarantined,
        .body = submission->body,
    };
    append(gateway, message->kind, &intake, effects);
}

/* What the gateway itself has to say. */
static void append_own(struct gateway *gateway, const struct message *message,
                       const union command *command, struct effects *effects)
{
    struct bytes by = bytes_from_text(BY_GATEWAY);
    struct buffer body = {0};
    struct market_change change;
    struct refusal refusal;

    if (kind_is_of_key(message->kind)) {
        ENSURE(keys_apply(gateway, message->kind, command, KEY_GATEWAY, &refusal));
    } else {
        market_apply(gateway->market, message->kind, command, false, &change);
        market_rows_note(&gateway->rows, message->kind, &change);
    }
    proto_encode(message, command, &body);
    struct intake intake = {
        .by = by,
        .position = next_position(gateway, by),
        .body = buffer_view(&body),
    };
    append(gateway, message->kind, &intake, effects);
    buffer_deinit(&body);
}

void intake_tick(struct gateway *gateway, struct effects *effects)
{
    uint64_t now = gateway->world->now_ms(gateway->world->context);
    union command command = {
        .tick = {.now = MUTANT(32) ? now : max_u64(now, gateway->market->now_ms)}};

    append_own(gateway, &TICK, &command, effects);
}

void intake_rules(struct gateway *gateway, struct effects *effects)
{
    union command command = {.rules_put = gateway->options.rules};

    gateway->rules = gateway->options.rules;
    append_own(gateway, &RULES_PUT, &command, effects);
}

void intake_first_admin(struct gateway *gateway, struct effects *effects)
{
    struct bytes key = bytes_from_text(gateway->options.first_admin);
    union command put = {.key_register = {.key = key,
                                          .party = bytes_from_text(FIRST_ADMIN_PARTY),
                                          .roles = ROLE_ADMIN,
                                          .from = TIME_NONE,
                                          .to = TIME_NONE}};
    union command confirmation = {.key_confirm = {.key = key}};

    append_own(gateway, &KEY_REGISTER, &put, effects);
    append_own(gateway, &KEY_CONFIRM, &confirmation, effects);
}

enum status intake_restore(struct gateway *gateway, const struct entry *entry)
{
    const struct message *message = message_by_kind(entry->kind);
    struct market_change change;
    struct refusal refusal;
    struct intake intake;
    union command command;

    arena_reset(&gateway->arena);
    if (message == NULL ||
        proto_decode(&INTAKE, entry->body, &gateway->arena, &intake, &refusal) != STATUS_OK ||
        proto_decode(message, intake.body, &gateway->arena, &command, &refusal) != STATUS_OK ||
        entry->seq != gateway->ids.count + 1) {
        return STATUS_CORRUPT;
    }
    if (kind_is_of_key(entry->kind)) {
        uint32_t actor = keyring_actor(&intake);
        if ((actor != KEY_GATEWAY && actor > registry_count(&gateway->registry)) ||
            !keys_apply(gateway, entry->kind, &command, actor, &refusal)) {
            return STATUS_CORRUPT;
        }
    } else {
        market_apply(gateway->market, entry->kind, &command, intake.quarantined, &change);
        market_rows_note(&gateway->rows, entry->kind, &change);
    }
    if (entry->kind == KIND_RULES_PUT) {
        gateway->rules = command.rules_put;
    }
    ids_add(&gateway->ids, entry->seq, MUTANT(3) ? (struct bytes){0} : intake.id);
    *position_of(gateway, intake.by) = intake.position - MUTANT(6);
    return STATUS_OK;
}
