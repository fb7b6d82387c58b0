/*
 * commands.c - the tables of commands and of the events that answer them.
 */
#include "core/base/z85.h"
#include "proto/messages.h"
#include "proto/table.h"

const struct choice ROLE_CHOICES[] = {
    {"requester", ROLE_REQUESTER}, {"offerer", ROLE_OFFERER},
    {"supplier", ROLE_SUPPLIER},   {"expert", ROLE_EXPERT},
    {"operator", ROLE_OPERATOR},   {"procurement", ROLE_PROCUREMENT},
    {"admin", ROLE_ADMIN},         {NULL, 0},
};
static const struct choice OFFER_KINDS[] = {
    {"stock", OFFER_STOCK},
    {"capacity", OFFER_CAPACITY},
    {NULL, 0},
};
static const struct choice SOURCES[] = {
    {"declared", SOURCE_DECLARED},
    {"operator", SOURCE_OPERATOR},
    {"adapter", SOURCE_ADAPTER},
    {NULL, 0},
};
static const struct choice CERTIFICATE_STATES[] = {
    {"valid", CERTIFICATE_VALID},
    {"revoked", CERTIFICATE_REVOKED},
    {NULL, 0},
};
const struct choice ASSIGNMENT_STATES[] = {
    {"proposed", ASSIGNMENT_PROPOSED},
    {"accepted", ASSIGNMENT_ACCEPTED},
    {"committed", ASSIGNMENT_COMMITTED},
    {"shipped", ASSIGNMENT_SHIPPED},
    {"received", ASSIGNMENT_RECEIVED},
    {"declined", ASSIGNMENT_DECLINED},
    {"superseded", ASSIGNMENT_SUPERSEDED},
    {"cancelled", ASSIGNMENT_CANCELLED},
    {NULL, 0},
};
const struct choice ASSIGNMENT_STATE_BITS[] = {
    {"proposed", 1u << ASSIGNMENT_PROPOSED},
    {"accepted", 1u << ASSIGNMENT_ACCEPTED},
    {"committed", 1u << ASSIGNMENT_COMMITTED},
    {"shipped", 1u << ASSIGNMENT_SHIPPED},
    {"received", 1u << ASSIGNMENT_RECEIVED},
    {"declined", 1u << ASSIGNMENT_DECLINED},
    {"superseded", 1u << ASSIGNMENT_SUPERSEDED},
    {"cancelled", 1u << ASSIGNMENT_CANCELLED},
    {NULL, 0},
};

const char *assignment_state_name(enum assignment_state state)
{
    ENSURE(state >= ASSIGNMENT_PROPOSED);
    ENSURE(state <= ASSIGNMENT_CANCELLED);
    return ASSIGNMENT_STATES[state - ASSIGNMENT_PROPOSED].name;
}

/* Rules between fields. */

static enum status check_party(const void *record, struct refusal *refusal)
{
    const struct party_put *party = record;

    if ((party->lat == PLACE_NONE) != (party->lon == PLACE_NONE)) {
        return refuse(refusal, CODE_MISSING, party->lat == PLACE_NONE ? "lat" : "lon",
                      "a place needs both lat and lon");
    }
    return STATUS_OK;
}

static enum status check_need(const void *record, struct refusal *refusal)
{
    const struct need_put *need = record;

    if (need->due != DAY_NONE && need->latest != DAY_NONE && need->latest < need->due) {
        return refuse(refusal, CODE_RANGE, "latest", "lies before due");
    }
    return STATUS_OK;
}

/* DAY_NONE lies below every day, so only a missing `to` needs a word. */
static enum status check_period(int64_t from, int64_t to, struct refusal *refusal)
{
    if (to != DAY_NONE && to < from) {
        return refuse(refusal, CODE_RANGE, "to", "lies before from");
    }
    return STATUS_OK;
}

static enum status check_stock(const struct offer_put *offer, struct refusal *refusal)
{
    if (offer->quantity == 0) {
        return refuse(refusal, CODE_MISSING, "quantity", "a stock has at least 1 unit");
    }
    if (offer->per_day != 0) {
        return refuse(refusal, CODE_RANGE, "per_day", "a stock has a quantity alone");
    }
    return check_period(offer->from, offer->to, refusal);
}

static enum status check_offer(const void *record, struct refusal *refusal)
{
    const struct offer_put *offer = record;

    if (offer->offer_kind == OFFER_STOCK) {
        return check_stock(offer, refusal);
    }
    if (offer->quantity != 0) {
        return refuse(refusal, CODE_RANGE, "quantity", "a capacity has units per_day alone");
    }
    if (offer->per_day == 0) {
        return refuse(refusal, CODE_MISSING, "per_day", "a capacity has at least 1 unit a day");
    }
    if (offer->from == DAY_NONE || offer->to == DAY_NONE) {
        return refuse(refusal, CODE_MISSING, offer->from == DAY_NONE ? "from" : "to",
                      "a capacity has a first and a last day");
    }
    return check_period(offer->from, offer->to, refusal);
}

static enum status check_capacity(const void *record, struct refusal *refusal)
{
    const struct capacity_put *capacity = record;

    return check_period(capacity->from, capacity->to, refusal);
}

static enum status check_substitute(const void *record, struct refusal *refusal)
{
    const struct substitute_put *substitute = record;

    if (bytes_equal(substitute->product, substitute->given)) {
        return refuse(refusal, CODE_RANGE, "given", "is the product itself");
    }
    return check_period(substitute->from, substitute->to, refusal);
}

static enum status check_norm(const void *record, struct refusal *refusal)
{
    const struct norm_put *norm = record;

    return check_period(norm->from, norm->to, refusal);
}

static enum status check_certificate(const void *record, struct refusal *refusal)
{
    const struct certificate_put *certificate = record;

    return check_period(certificate->from, certificate->to, refusal);
}

static enum status check_exclusion(const void *record, struct refusal *refusal)
{
    const struct exclusion_put *exclusion = record;

    if (bytes_equal(exclusion->party, exclusion->other)) {
        return refuse(refusal, CODE_RANGE, "other", "is the party itself");
    }
    return check_period(exclusion->from, exclusion->to, refusal);
}

/* Who bears one of these names submits without a key: nobody else may. */
static const char *const RESERVED_PARTIES[] = {BY_LOCAL, BY_GATEWAY};

static enum status check_key(struct bytes key, const char *field, struct refusal *refusal)
{
    uint8_t bytes[KEY_TEXT_SIZE];

    return z85_decode(key, bytes) == STATUS_OK
               ? STATUS_OK
               : refuse(refusal, CODE_RANGE, field, "is no public key in Z85");
}

static enum status check_key_register(const void *record, struct refusal *refusal)
{
    const struct key_register *command = record;

    for (size_t i = 0; i < COUNT_OF(RESERVED_PARTIES); i++) {
        if (bytes_equal(command->party, bytes_from_text(RESERVED_PARTIES[i]))) {
            return refuse(refusal, CODE_RANGE, "party", "is the name of who needs no key");
        }
    }
    if (command->from != TIME_NONE && command->to <= command->from) {
        return refuse(refusal, CODE_RANGE, "to", "does not lie behind from");
    }
    return check_key(command->key, "key", refusal);
}

static enum status check_key_confirm(const void *record, struct refusal *refusal)
{
    const struct key_confirm *command = record;

    return check_key(command->key, "key", refusal);
}

static enum status check_key_rotate(const void *record, struct refusal *refusal)
{
    const struct key_rotate *command = record;
    enum status status = check_key(command->key, "key", refusal);

    return status == STATUS_OK ? check_key(command->next, "next", refusal) : status;
}

static enum status check_key_revoke(const void *record, struct refusal *refusal)
{
    const struct key_revoke *command = record;

    return check_key(command->key, "key", refusal);
}

/* Commands. */

static const struct field party_put_fields[] = {
    ID(party_put, party, "party", .text = "Id of the organisation."),
    TEXT(party_put, name, "name", 0, NAME_SIZE_MAX, .text = "Name for people."),
    SET(party_put, roles, "roles", ROLE_CHOICES, .required = true, .text = "What it does here."),
    TEXT(party_put, departement, "departement", 0, 8, .text = "INSEE code."),
    TEXT(party_put, region, "region", 0, NAME_SIZE_MAX, .text = "Region."),
    TEXT(party_put, country, "country", 2, 2, .absent_text = "FR", .text = "ISO 3166-1 alpha-2."),
    DEGREES(party_put, lat, "lat", 90, .text = "Latitude; micro-degrees in MessagePack."),
    DEGREES(party_put, lon, "lon", 180, .text = "Longitude; micro-degrees in MessagePack."),
};
const struct message PARTY_PUT =
    MESSAGE("party.put", party_put, party_put_fields, .kind = KIND_PARTY_PUT, .check = check_party,
            .text = "A party, new or changed.");

static const struct field product_put_fields[] = {
    ID(product_put, product, "product", .text = "Id of the product."),
    TEXT(product_put, family, "family", 0, NAME_SIZE_MAX, .text = "Family of products."),
    TEXT(product_put, name, "name", 0, NAME_SIZE_MAX, .text = "Name for people."),
    TEXT(product_put, unit, "unit", 0, NAME_SIZE_MAX, .text = "What one unit is."),
    UINT(product_put, lot, "lot", 1, QUANTITY_MAX, .absent = 1,
         .text = "Smallest number of units worth shipping."),
    UINT(product_put, need_max, "need_max", 0, QUANTITY_MAX,
         .text = "A need above it is quarantined; 0: no limit."),
    UINT(product_put, offer_max, "offer_max", 0, QUANTITY_MAX,
         .text = "An offer above it is quarantined; 0: no limit."),
    FLAG(product_put, recyclable, "recyclable", .absent = 1,
         .text = "Whether it can be used again or recycled."),
};
const struct message PRODUCT_PUT =
    MESSAGE("product.put", product_put, product_put_fields, .kind = KIND_PRODUCT_PUT,
            .text = "A product, new or changed.");

static const struct field need_put_fields[] = {
    ID(need_put, need, "need", .text = "Id of the need."),
    ID(need_put, party, "party", .text = "Who asks."),
    ID(need_put, product, "product", .text = "What for."),
    UINT(need_put, quantity, "quantity", 1, QUANTITY_MAX, .required = true, .text = "Units."),
    UINT(need_put, class_number, "class", 1, CLASS_COUNT, .required = true,
         .text = "1 vital to 5 comfort; a higher class goes first."),
    DAY(need_put, due, "due", .text = "Wanted by; as soon as possible when not given."),
    DAY(need_put, latest, "latest", .text = "Useless after; never when not given. Not before due."),
    TIME(need_put, at, "at", .text = "When it arose."),
};
const struct message NEED_PUT =
    MESSAGE("need.put", need_put, need_put_fields, .kind = KIND_NEED_PUT, .check = check_need,
            .text = "A need, new or changed.");

static const struct field offer_put_fields[] = {
    ID(offer_put, offer, "offer", .text = "Id of the offer."),
    ID(offer_put, party, "party", .text = "Who gives."),
    ID(offer_put, product, "product", .text = "What."),
    CHOICE(offer_put, offer_kind, "kind", OFFER_KINDS, .required = true,
           .text = "Units in all, or units a day."),
    UINT(offer_put, quantity, "quantity", 0, QUANTITY_MAX,
         .text = "Units of a stock, at least 1; not for a capacity."),
    UINT(offer_put, per_day, "per_day", 0, QUANTITY_MAX,
         .text = "Units a day of a capacity, at least 1; not for a stock."),
    DAY(offer_put, from, "from", .text = "First day; a capacity needs it."),
    DAY(offer_put, to, "to", .text = "Last day, not before from; a capacity needs it."),
    UINT(offer_put, lead_days, "lead_days", 0, LEAD_DAYS_MAX,
         .text = "Days from production to dispatch."),
    TIME(offer_put, at, "at", .text = "When it was made."),
};
const struct message OFFER_PUT =
    MESSAGE("offer.put", offer_put, offer_put_fields, .kind = KIND_OFFER_PUT, .check = check_offer,
            .text = "An offer, new or changed: a stock or a capacity.");

static const struct field capacity_put_fields[] = {
    ID(capacity_put, offer, "offer", .text = "The offer it is about."),
    DAY(capacity_put, from, "from", .text = "First day it speaks of; all days when not given."),
    DAY(capacity_put, to, "to", .text = "Last day, not before from."),
    UINT(capacity_put, per_day, "per_day", 0, QUANTITY_MAX, .required = true, .absent = -1,
         .text = "Units a day; of a stock the units in all."),
    CHOICE(capacity_put, source, "source", SOURCES, .absent = SOURCE_DECLARED,
           .text = "Who says so; a later one in this list is trusted more."),
    UINT(capacity_put, number, "number", 0, INT64_MAX,
         .text = "The source's own counter: an older report never overwrites; 0: none."),
    TIME(capacity_put, at, "at", .text = "When it was reported."),
};
const struct message CAPACITY_PUT =
    MESSAGE("capacity.put", capacity_put, capacity_put_fields, .kind = KIND_CAPACITY_PUT,
            .check = check_capacity, .text = "What an offer can give, as known later or better.");

#define PERIOD(record, first, last)                                                                \
    DAY(record, from, "from", .text = first), DAY(record, to, "to", .text = last)

static const struct field substitute_put_fields[] = {
    ID(substitute_put, substitute, "substitute", .text = "Id of this rule."),
    ID(substitute_put, product, "product", .text = "Product asked for."),
    ID(substitute_put, given, "given", .text = "Product that may stand in, unit for unit."),
    UINT(substitute_put, rank, "rank", 1, SUBSTITUTE_RANK_MAX, .absent = 1,
         .text = "1 for the best substitute; each rank costs."),
    PERIOD(substitute_put, "First production day it is accepted on; always when not given.",
           "Last one, not before from; without end when not given."),
};
const struct message SUBSTITUTE_PUT =
    MESSAGE("substitute.put", substitute_put, substitute_put_fields, .kind = KIND_SUBSTITUTE_PUT,
            .check = check_substitute,
            .text = "What may stand in for a product, new or changed; `to` ends it.");

static const struct field norm_put_fields[] = {
    ID(norm_put, norm, "norm", .text = "Id of this rule."),
    ID(norm_put, product, "product", .text = "Product that is given."),
    TEXT(norm_put, code, "code", 1, NORM_CODE_SIZE_MAX, .required = true,
         .text = "The norm that a certificate must name."),
    TEXT(norm_put, country, "country", 0, 2, .text = "Only for requesters there."),
    TEXT(norm_put, region, "region", 0, NAME_SIZE_MAX, .text = "Only for requesters there."),
    UINT(norm_put, class_number, "class", 1, CLASS_COUNT, .absent = CLASS_COUNT,
         .text = "Only for needs of this class and higher ones (smaller numbers)."),
    PERIOD(norm_put, "First production day it is in force on; always when not given.",
           "Last one, not before from; without end when not given."),
};
const struct message NORM_PUT =
    MESSAGE("norm.put", norm_put, norm_put_fields, .kind = KIND_NORM_PUT, .check = check_norm,
            .text = "A norm that goods of a product must be certified for, new or changed; `to` "
                    "ends it.");

static const struct field certificate_put_fields[] = {
    ID(certificate_put, certificate, "certificate", .text = "Id of the certificate."),
    ID(certificate_put, party, "party", .text = "Who makes the goods."),
    ID(certificate_put, product, "product", .text = "What they are."),
    TEXT(certificate_put, code, "code", 1, NORM_CODE_SIZE_MAX, .required = true,
         .text = "The norm, as norm.put names it."),
    TEXT(certificate_put, number, "number", 0, NAME_SIZE_MAX, .text = "Its issuer's number."),
    PERIOD(certificate_put, "First production day it is valid on; always when not given.",
           "Last one, not before from; without end when not given."),
    CHOICE(certificate_put, state, "state", CERTIFICATE_STATES, .absent = CERTIFICATE_VALID,
           .text = "What is revoked counts on no day."),
};
const struct message CERTIFICATE_PUT =
    MESSAGE("certificate.put", certificate_put, certificate_put_fields,
            .kind = KIND_CERTIFICATE_PUT, .check = check_certificate,
            .text = "A party's certificate for a product and a norm, new or changed.");

static const struct field exclusion_put_fields[] = {
    ID(exclusion_put, exclusion, "exclusion", .text = "Id of this rule."),
    ID(exclusion_put, party, "party", .text = "One party."),
    ID(exclusion_put, other, "other", .text = "The other one."),
    TEXT(exclusion_put, reason, "reason", 1, REASON_SIZE_MAX, .required = true,
         .text = "Code of a reason."),
    PERIOD(exclusion_put, "First production day it is in force on; always when not given.",
           "Last one, not before from; without end when not given."),
};
const struct message EXCLUSION_PUT =
    MESSAGE("exclusion.put", exclusion_put, exclusion_put_fields, .kind = KIND_EXCLUSION_PUT,
            .check = check_exclusion,
            .text = "Two parties that get no assignment together, new or changed; `to` ends it.");

#define REASON(record, ...) TEXT(record, reason, "reason", __VA_ARGS__, .text = "Code of a reason.")

static const struct field need_command_fields[] = {
    ID(id_command, id, "need", .text = "Id of the need."),
    REASON(id_command, 0, REASON_SIZE_MAX),
};
const struct message NEED_CANCEL = MESSAGE("need.cancel", id_command, need_command_fields,
                                           .kind = KIND_NEED_CANCEL, .text = "The need is over.");
const struct message NEED_RELEASE =
    MESSAGE("need.release", id_command, need_command_fields, .kind = KIND_NEED_RELEASE,
            .text = "Out of quarantine, by an operator.");

static const struct field offer_command_fields[] = {
    ID(id_command, id, "offer", .text = "Id of the offer."),
    REASON(id_command, 0, REASON_SIZE_MAX),
};
const struct message OFFER_WITHDRAW =
    MESSAGE("offer.withdraw", id_command, offer_command_fields, .kind = KIND_OFFER_WITHDRAW,
            .text = "The offer is over.");
const struct message OFFER_RELEASE =
    MESSAGE("offer.release", id_command, offer_command_fields, .kind = KIND_OFFER_RELEASE,
            .text = "Out of quarantine, by an operator.");

#define ASSIGNMENT_AND_PARTY                                                                       \
    UINT(assignment_command, assignment, "assignment", 1, INT64_MAX, .required = true,             \
         .text = "Number of the assignment."),                                                     \
        ID(assignment_command, party, "party", .text = "Who answers: one of its two parties.")

static const struct field move_fields[] = {
    ASSIGNMENT_AND_PARTY,
    REASON(assignment_command, 0, REASON_SIZE_MAX),
};
static const struct field reasoned_move_fields[] = {
    ASSIGNMENT_AND_PARTY,
    REASON(assignment_command, 1, REASON_SIZE_MAX, .required = true),
};
const struct message ASSIGNMENT_ACCEPT =
    MESSAGE("assignment.accept", assignment_command, move_fields, .kind = KIND_ASSIGNMENT_ACCEPT,
            .text = "One side agrees; when both have, the plan never moves it.");
const struct message ASSIGNMENT_DECLINE =
    MESSAGE("assignment.decline", assignment_command, reasoned_move_fields,
            .kind = KIND_ASSIGNMENT_DECLINE, .text = "One side does not want it.");
const struct message ASSIGNMENT_SHIP =
    MESSAGE("assignment.ship", assignment_command, move_fields, .kind = KIND_ASSIGNMENT_SHIP,
            .text = "The offerer has sent it.");
const struct message ASSIGNMENT_RECEIVE =
    MESSAGE("assignment.receive", assignment_command, move_fields, .kind = KIND_ASSIGNMENT_RECEIVE,
            .text = "The requester has it.");
const struct message ASSIGNMENT_CANCEL =
    MESSAGE("assignment.cancel", assignment_command, reasoned_move_fields,
            .kind = KIND_ASSIGNMENT_CANCEL, .text = "A commitment that cannot be kept.");

#define KEY(record, member, name, words)                                                           \
    TEXT(record, member, name, KEY_TEXT_SIZE, KEY_TEXT_SIZE, .required = true, .text = words)

static const struct field key_register_fields[] = {
    KEY(key_register, key, "key", "Public key in Z85."),
    ID(key_register, party, "party", .text = "Whom it speaks for."),
    SET(key_register, roles, "roles", ROLE_CHOICES, .required = true, .text = "As what."),
    TIME(key_register, from, "from", .text = "Valid from; at once when not given."),
    TIME(key_register, to, "to", .text = "Not valid any more from; never when not given."),
};
const struct message KEY_REGISTER =
    MESSAGE("key.register", key_register, key_register_fields, .kind = KIND_KEY_REGISTER,
            .check = check_key_register,
            .text = "A key, new. With the role admin or operator it waits for `key.confirm`.");

static const struct field key_confirm_fields[] = {
    KEY(key_confirm, key, "key", "Public key in Z85."),
};
const struct message KEY_CONFIRM =
    MESSAGE("key.confirm", key_confirm, key_confirm_fields, .kind = KIND_KEY_CONFIRM,
            .check = check_key_confirm, .text = "Another one than who registered it agrees.");

static const struct field key_rotate_fields[] = {
    KEY(key_rotate, key, "key", "Public key that is replaced."),
    KEY(key_rotate, next, "next", "The new one: the same party, roles and end."),
    TIME(key_rotate, until, "until", .required = true, .text = "The old one ends then."),
};
const struct message KEY_ROTATE = MESSAGE(
    "key.rotate", key_rotate, key_rotate_fields, .kind = KIND_KEY_ROTATE, .check = check_key_rotate,
    .text = "A key gives way to another one; both are good for a while.");

static const struct field key_revoke_fields[] = {
    KEY(key_revoke, key, "key", "Public key in Z85."),
    REASON(key_revoke, 0, REASON_SIZE_MAX),
};
const struct message KEY_REVOKE = MESSAGE(
    "key.revoke", key_revoke, key_revoke_fields, .kind = KIND_KEY_REVOKE, .check = check_key_revoke,
    .text = "Who speaks with this key, or with one it was rotated to, is not heard.");

static const struct field tick_fields[] = {
    TIME(tick, now, "now", .required = true, .text = "The time that workers decide by."),
};
const struct message TICK = MESSAGE("tick", tick, tick_fields, .kind = KIND_TICK,
                                    .text = "Time as data. Made by the gateway alone.");

#define WEIGHT_MAX ((1 << 20) - 1)
#define TRANCHE_MAX 1000000
#define RULE(member, low, high, words)                                                             \
    UINT(rules_put, member, #member, low, high, .required = true, .absent = -1, .text = words)

static const struct field rules_put_fields[] = {
    RULE(per_kilometre, 0, WEIGHT_MAX, "Cost of a kilometre."),
    RULE(other_region, 0, WEIGHT_MAX, "Cost of leaving the region."),
    RULE(other_country, 0, WEIGHT_MAX, "Cost of leaving the country."),
    RULE(per_day_late, 0, WEIGHT_MAX, "Cost of a day behind due."),
    RULE(per_substitute_rank, 0, WEIGHT_MAX, "Cost of each rank of a substitute."),
    RULE(not_recyclable, 0, WEIGHT_MAX, "Cost of what is not recyclable where another is."),
    RULE(stability_bonus, 0, WEIGHT_MAX, "Least gain for which a proposed unit moves."),
    RULE(kept_max, 1, 256, "Matches listed for each need."),
    RULE(tranche_1, 0, TRANCHE_MAX, "Lots in the first tranche; 0 for a single one."),
    RULE(tranche_2, 0, TRANCHE_MAX, "Lots in the first two tranches."),
    RULE(tranche_3, 0, TRANCHE_MAX, "Lots in the first three tranches."),
};
const struct message RULES_PUT =
    MESSAGE("rules.put", rules_put, rules_put_fields, .kind = KIND_RULES_PUT,
            .text = "What the decision weighs by. Made by the gateway from its configuration.");

/* Events. */

static const struct field assignment_fields[] = {
    TEXT(assignment_event, type, "t", 0, 32, .text = "For clients: \"assignment\"."),
    UINT(assignment_event, seq, "seq", 0, INT64_MAX, .text = "Position in the stream."),
    UINT(assignment_event, assignment, "assignment", 1, INT64_MAX, .required = true,
         .text = "Number of the assignment."),
    CHOICE(assignment_event, state, "state", ASSIGNMENT_STATES, .required = true,
           .text = "State it is in now."),
    ID(assignment_event, need, "need", .text = "Need."),
    ID(assignment_event, offer, "offer", .text = "Offer."),
    ID(assignment_event, product, "product", .text = "Product asked for."),
    FILTER(assignment_event, given, "given", .text = "What stands in for it, when something does."),
    ID(assignment_event, requester, "requester", .text = "Party that gets it."),
    ID(assignment_event, offerer, "offerer", .text = "Party that gives it."),
    UINT(assignment_event, quantity, "quantity", 0, QUANTITY_MAX, .required = true, .absent = -1,
         .text = "Units; of a final state, the units it had."),
    UINT(assignment_event, before, "before", 0, QUANTITY_MAX,
         .text = "Units before this event; 0 when new."),
    UINT(assignment_event, class_number, "class", 1, CLASS_COUNT, .required = true,
         .text = "The need's class."),
    UINT(assignment_event, cost, "cost", 0, INT64_MAX, .text = "Cost of a unit."),
    UINT(assignment_event, kilometres, "kilometres", 0, INT64_MAX,
         .text = "Part of the cost: the distance."),
    DAY(assignment_event, arrival, "arrival",
        .text = "Day it arrives; as soon as possible when not given."),
    TEXT(assignment_event, reason, "reason", 0, REASON_SIZE_MAX, .text = "Why it changed."),
    UINT(assignment_event, cause, "cause", 0, INT64_MAX,
         .text = "The match entry it was decided on."),
    TIME(assignment_event, at, "at", .text = "Time of that entry."),
};
const struct message ASSIGNMENT =
    MESSAGE("assignment", assignment_event, assignment_fields, .kind = KIND_ASSIGNMENT,
            .text = "An assignment changed.");

static const struct field answer_fields[] = {
    TEXT(answer_event, type, "t", 0, 32, .text = "For clients: \"answer\"."),
    UINT(answer_event, seq, "seq", 0, INT64_MAX, .text = "Position in the stream."),
    BIN(answer_event, id, "id", SUBMISSION_ID_SIZE, SUBMISSION_ID_SIZE, .required = true,
        .text = "Submission id of the command."),
    UINT(answer_event, assignment, "assignment", 0, INT64_MAX, .text = "Number of the assignment."),
    FLAG(answer_event, done, "done", .required = true, .text = "Whether it took effect."),
    TEXT(answer_event, code, "code", 1, 32, .required = true,
         .text = "\"done\", or \"unknown\", \"state\", \"range\"."),
    TEXT(answer_event, why, "why", 0, 240, .text = "For people; empty when done."),
    UINT(answer_event, cause, "cause", 0, INT64_MAX, .text = "The match entry it was decided on."),
    TIME(answer_event, at, "at", .text = "Time of that entry."),
};
const struct message ANSWER =
    MESSAGE("answer", answer_event, answer_fields, .kind = KIND_ANSWER,
            .text = "What became of an accept, decline, ship, receive or cancel.");
