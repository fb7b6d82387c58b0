#include "tests/sim/work.h"

#include "proto/messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPARE_COUNT 1 /* Names beyond those put: somebody gets them wrong. */
#define NEED_COUNT_MAX 60
#define OFFER_COUNT_MAX 30
#define TODAY ((int64_t)(START_MS / DAY_MS))
#define RULE_COUNT 6 /* Of each kind. */
#define NORM_COUNT 2
#define CERTIFICATE_COUNT 24
#define TEXT_COUNT 4

struct work {
    struct intent *intents;
    size_t count, capacity;
    uint32_t need_count, offer_count;
    uint64_t report_count;
    char texts[TEXT_COUNT][ID_SIZE_MAX]; /* Of the record in the making. */
    size_t text_count;
    struct known_assignment known;
};

static struct draw *draws(struct sim *sim)
{
    return &sim->work_draw;
}

static bool half(struct sim *sim)
{
    return draw_below(draws(sim), 2) == 0;
}

static uint32_t pick(struct sim *sim, uint64_t count)
{
    return (uint32_t)draw_below(draws(sim), count);
}

static struct bytes name(struct work *work, char letter, uint32_t number)
{
    ENSURE(work->text_count < TEXT_COUNT);
    char *text = work->texts[work->text_count++];

    snprintf(text, ID_SIZE_MAX, "%c%u", letter, number);
    return bytes_from_text(text);
}

uint32_t work_number(struct bytes id, char letter)
{
    uint32_t number = 0;

    if (id.size < 2 || id.data[0] != (uint8_t)letter) {
        return FACT_NONE;
    }
    for (size_t i = 1; i < id.size; i++) {
        if (id.data[i] < '0' || id.data[i] > '9' || number > 1000000) {
            return FACT_NONE;
        }
        number = number * 10 + (id.data[i] - '0');
    }
    return number;
}

/* --- Generators: one for each kind of command ---------------------------------------- */

static void make_party(struct sim *sim, struct fact *fact, union command *command)
{
    struct party_put *put = &command->party_put;
    uint64_t place = draw_below(draws(sim), 5);

    fact->party = pick(sim, sim->knobs.party_count);
    put->party = name(sim->work, 'P', fact->party);
    put->roles = ROLE_REQUESTER | ROLE_OFFERER;
    put->region = bytes_from_text(half(sim) ? "Aquitaine" : "Bretagne");
    if (place > 0) { /* Some move, some say no place. */
        put->lat = 44000000 + (int64_t)place * 700000;
        put->lon = -500000 + (int64_t)draw_below(draws(sim), 4) * 900000;
    }
}

static void make_product(struct sim *sim, struct fact *fact, union command *command)
{
    struct product_put *put = &command->product_put;

    fact->product = pick(sim, sim->knobs.product_count);
    fact->lot = half(sim) ? 1 : draw_between(draws(sim), 1, 8);
    fact->need_max = half(sim) ? 0 : draw_between(draws(sim), 20, 200);
    fact->offer_max = half(sim) ? 0 : draw_between(draws(sim), 20, 400);
    put->product = name(sim->work, 'A', fact->product);
    put->lot = fact->lot;
    put->need_max = fact->need_max;
    put->offer_max = fact->offer_max;
    put->recyclable = half(sim);
}

/* One that is new, or one that may be known. */
static uint32_t pick_or_add(struct sim *sim, uint32_t *count, uint32_t count_max)
{
    if (*count < count_max && (*count == 0 || draw_below(draws(sim), 3) != 0)) {
        return (*count)++;
    }
    return pick(sim, *count);
}

/* Many small quantities, and some of any size. */
static uint64_t draw_units(struct sim *sim, uint64_t most)
{
    return half(sim) ? draw_tail(draws(sim), 1, most) : draw_between(draws(sim), 1, most);
}

static void make_need(struct sim *sim, struct fact *fact, union command *command)
{
    struct need_put *put = &command->need_put;
    struct draw *draw = draws(sim);

    fact->thing = pick_or_add(sim, &sim->work->need_count, NEED_COUNT_MAX);
    /* A need keeps its party and product, but for those who get it wrong. */
    uint32_t whose = draw_below(draw, 16) == 0 ? pick(sim, 1000) : fact->thing * 7;
    fact->party = whose % (sim->knobs.party_count + SPARE_COUNT);
    fact->product = whose / 3 % (sim->knobs.product_count + SPARE_COUNT);
    fact->quantity = draw_units(sim, 200);
    fact->class_number = (uint32_t)draw_between(draw, 1, CLASS_COUNT);
    fact->due = half(sim) ? DAY_NONE : TODAY + (int64_t)draw_below(draw, 12);
    fact->latest = half(sim) ? DAY_NONE : TODAY + (int64_t)draw_below(draw, 12);
    if (fact->due != DAY_NONE && fact->latest != DAY_NONE && fact->latest < fact->due) {
        fact->latest = fact->due + (draw_below(draw, 8) == 0 ? -1 : 1);
    }
    put->need = name(sim->work, 'N', fact->thing);
    put->party = name(sim->work, 'P', fact->party);
    put->product = name(sim->work, 'A', fact->product);
    put->quantity = fact->quantity;
    put->class_number = fact->class_number;
    put->due = fact->due;
    put->latest = fact->latest;
}

static void make_offer(struct sim *sim, struct fact *fact, union command *command)
{
    struct offer_put *put = &command->offer_put;
    struct draw *draw = draws(sim);

    fact->thing = pick_or_add(sim, &sim->work->offer_count, OFFER_COUNT_MAX);
    uint32_t whose = draw_below(draw, 16) == 0 ? pick(sim, 1000) : fact->thing * 5;
    fact->party = whose % (sim->knobs.party_count + SPARE_COUNT);
    fact->product = whose / 2 % (sim->knobs.product_count + SPARE_COUNT);
    fact->is_stock = fact->thing % 3 != 0;
    fact->from = half(sim) && fact->is_stock ? DAY_NONE : TODAY + (int64_t)draw_below(draw, 4);
    fact->to = half(sim) && fact->is_stock ? DAY_NONE : TODAY + 3 + (int64_t)draw_below(draw, 9);
    fact->quantity = fact->is_stock ? draw_units(sim, 400) : 0;
    fact->per_day = fact->is_stock ? 0 : draw_units(sim, 60);
    put->offer = name(sim->work, 'O', fact->thing);
    put->party = name(sim->work, 'P', fact->party);
    put->product = name(sim->work, 'A', fact->product);
    put->offer_kind = fact->is_stock ? OFFER_STOCK : OFFER_CAPACITY;
    put->quantity = fact->quantity;
    put->per_day = fact->per_day;
    put->from = fact->from;
    put->to = fact->to;
    fact->lead_days = (uint32_t)draw_below(draw, 3);
    put->lead_days = fact->lead_days;
}

static void make_capacity(struct sim *sim, struct fact *fact, union command *command)
{
    struct capacity_put *put = &command->capacity_put;
    struct draw *draw = draws(sim);
    bool is_whole = half(sim);

    fact->thing = pick(sim, sim->work->offer_count + SPARE_COUNT);
    fact->is_stock = fact->thing % 3 != 0;
    fact->from = is_whole || fact->is_stock ? DAY_NONE : TODAY + (int64_t)draw_below(draw, 6);
    fact->to = is_whole || fact->is_stock ? DAY_NONE : fact->from + (int64_t)draw_below(draw, 6);
    fact->per_day = draw_below(draw, 4) == 0 ? 0 : draw_units(sim, fact->is_stock ? 400 : 60);
    fact->source = (uint32_t)draw_between(draw, SOURCE_DECLARED, SOURCE_ADAPTER);
    fact->number = half(sim) ? 0 : draw_below(draw, 8) == 0 ? 1 : ++sim->work->report_count;
    put->offer = name(sim->work, 'O', fact->thing);
    put->from = fact->from;
    put->to = fact->to;
    put->per_day = fact->per_day;
    put->source = fact->source;
    put->number = fact->number;
}

static void make_for_need(struct sim *sim, struct fact *fact, union command *command)
{
    fact->thing = pick(sim, sim->work->need_count + SPARE_COUNT);
    command->id_command.id = name(sim->work, 'N', fact->thing);
}

static void make_for_offer(struct sim *sim, struct fact *fact, union command *command)
{
    fact->thing = pick(sim, sim->work->offer_count + SPARE_COUNT);
    command->id_command.id = name(sim->work, 'O', fact->thing);
}

static void make_answer(struct sim *sim, struct fact *fact, union command *command)
{
    static const char *const reasons[] = {"no_supply", "price", "capacity_drop", "because"};
    struct assignment_command *answer = &command->assignment;
    const struct known_assignment *known = &sim->work->known;
    bool is_by_offerer =
        fact->kind == KIND_ASSIGNMENT_SHIP || (fact->kind != KIND_ASSIGNMENT_RECEIVE && half(sim));
    bool needs_reason =
        fact->kind == KIND_ASSIGNMENT_DECLINE || fact->kind == KIND_ASSIGNMENT_CANCEL;
    size_t reason = draw_below(draws(sim), 24) == 0 ? 3 : pick(sim, 3);

    fact->assignment = known->number > 0 ? known->number : draw_between(draws(sim), 1, 50);
    fact->party = is_by_offerer ? known->offerer : known->requester;
    if (known->number == 0 || draw_below(draws(sim), 16) == 0) {
        fact->party = pick(sim, sim->knobs.party_count + SPARE_COUNT);
    }
    answer->assignment = fact->assignment;
    answer->party = name(sim->work, 'P', fact->party);
    if (needs_reason) {
        fact->has_bad_reason = reason == 3;
        answer->reason = bytes_from_text(reasons[reason]);
    }
}

/* Mostly always, else for some days. */
static void draw_days(struct sim *sim, struct fact *fact)
{
    bool is_always = half(sim);

    fact->from = is_always ? DAY_NONE : TODAY + (int64_t)draw_below(draws(sim), 6);
    fact->to = is_always ? DAY_NONE : fact->from + (int64_t)draw_below(draws(sim), 6);
}

static void make_substitute(struct sim *sim, struct fact *fact, union command *command)
{
    struct substitute_put *put = &command->substitute_put;
    uint32_t count = sim->knobs.product_count + SPARE_COUNT;

    fact->thing = pick(sim, RULE_COUNT);
    fact->product = fact->thing % count;
    fact->other = (fact->product + 1 + fact->thing % (count - 1)) % count;
    draw_days(sim, fact);
    put->substitute = name(sim->work, 'S', fact->thing);
    put->product = name(sim->work, 'A', fact->product);
    put->given = name(sim->work, 'A', fact->other);
    put->rank = draw_between(draws(sim), 1, 3);
    put->from = fact->from;
    put->to = fact->to;
}

static void make_norm(struct sim *sim, struct fact *fact, union command *command)
{
    struct norm_put *put = &command->norm_put;

    fact->thing = pick(sim, RULE_COUNT);
    fact->product = fact->thing % sim->knobs.product_count;
    fact->code = fact->thing % NORM_COUNT;
    fact->class_number = half(sim) ? CLASS_COUNT : (uint32_t)draw_between(draws(sim), 1, 5);
    draw_days(sim, fact);
    put->norm = name(sim->work, 'M', fact->thing);
    put->product = name(sim->work, 'A', fact->product);
    put->code = name(sim->work, 'E', fact->code);
    put->class_number = fact->class_number;
    put->from = fact->from;
    put->to = fact->to;
}

static void make_certificate(struct sim *sim, struct fact *fact, union command *command)
{
    struct certificate_put *put = &command->certificate_put;

    fact->thing = pick(sim, CERTIFICATE_COUNT);
    fact->party = fact->thing % sim->knobs.party_count;
    fact->product = fact->thing / 2 % sim->knobs.product_count;
    fact->code = fact->thing % NORM_COUNT;
    fact->is_valid = draw_below(draws(sim), 4) != 0;
    draw_days(sim, fact);
    put->certificate = name(sim->work, 'C', fact->thing);
    put->party = name(sim->work, 'P', fact->party);
    put->product = name(sim->work, 'A', fact->product);
    put->code = name(sim->work, 'E', fact->code);
    put->state = fact->is_valid ? CERTIFICATE_VALID : CERTIFICATE_REVOKED;
    put->from = fact->from;
    put->to = fact->to;
}

static void make_exclusion(struct sim *sim, struct fact *fact, union command *command)
{
    struct exclusion_put *put = &command->exclusion_put;
    uint32_t count = sim->knobs.party_count + SPARE_COUNT;

    fact->thing = pick(sim, RULE_COUNT);
    fact->party = fact->thing % count;
    fact->other = (fact->party + 1 + fact->thing % (count - 1)) % count;
    draw_days(sim, fact);
    put->exclusion = name(sim->work, 'X', fact->thing);
    put->party = name(sim->work, 'P', fact->party);
    put->other = name(sim->work, 'P', fact->other);
    put->reason = bytes_from_text("price");
    put->from = fact->from;
    put->to = fact->to;
}

/* A key of a few; the number stands in its text. */
static struct bytes key_name(struct work *work, uint32_t number)
{
    ENSURE(work->text_count < TEXT_COUNT);
    char *text = work->texts[work->text_count++];

    snprintf(text, ID_SIZE_MAX, "%0*u", KEY_TEXT_SIZE, number);
    return bytes_from_text(text);
}

static void make_key(struct sim *sim, struct fact *fact, union command *command)
{
    struct key_register *put = &command->key_register;

    fact->thing = pick(sim, KEY_COUNT);
    fact->party = pick(sim, sim->knobs.party_count);
    fact->is_high = half(sim);
    put->key = key_name(sim->work, fact->thing);
    put->party = name(sim->work, 'P', fact->party);
    put->roles = fact->is_high ? ROLE_OPERATOR : ROLE_OFFERER;
}

static void make_confirmation(struct sim *sim, struct fact *fact, union command *command)
{
    fact->thing = pick(sim, KEY_COUNT);
    command->key_confirm.key = key_name(sim->work, fact->thing);
}

static void make_rotation(struct sim *sim, struct fact *fact, union command *command)
{
    struct key_rotate *put = &command->key_rotate;

    fact->thing = pick(sim, KEY_COUNT);
    fact->other = pick(sim, KEY_COUNT);
    put->key = key_name(sim->work, fact->thing);
    put->next = key_name(sim->work, fact->other);
    put->until = START_MS;
}

static void make_revocation(struct sim *sim, struct fact *fact, union command *command)
{
    fact->thing = pick(sim, KEY_COUNT);
    command->key_revoke.key = key_name(sim->work, fact->thing);
}

typedef void (*make_fn)(struct sim *sim, struct fact *fact, union command *command);

static const struct generator {
    uint16_t kind;
    uint16_t weight;
    make_fn make;
} GENERATORS[] = {
    {KIND_PARTY_PUT, 4, make_party},
    {KIND_PRODUCT_PUT, 2, make_product},
    {KIND_NEED_PUT, 30, make_need},
    {KIND_NEED_CANCEL, 3, make_for_need},
    {KIND_NEED_RELEASE, 4, make_for_need},
    {KIND_OFFER_PUT, 16, make_offer},
    {KIND_OFFER_WITHDRAW, 2, make_for_offer},
    {KIND_OFFER_RELEASE, 3, make_for_offer},
    {KIND_CAPACITY_PUT, 10, make_capacity},
    {KIND_ASSIGNMENT_ACCEPT, 24, make_answer},
    {KIND_ASSIGNMENT_DECLINE, 4, make_answer},
    {KIND_ASSIGNMENT_SHIP, 6, make_answer},
    {KIND_ASSIGNMENT_RECEIVE, 8, make_answer},
    {KIND_ASSIGNMENT_CANCEL, 4, make_answer},
    {KIND_SUBSTITUTE_PUT, 3, make_substitute},
    {KIND_NORM_PUT, 1, make_norm},
    {KIND_CERTIFICATE_PUT, 5, make_certificate},
    {KIND_EXCLUSION_PUT, 2, make_exclusion},
    {KIND_KEY_REGISTER, 2, make_key},
    {KIND_KEY_CONFIRM, 2, make_confirmation},
    {KIND_KEY_ROTATE, 1, make_rotation},
    {KIND_KEY_REVOKE, 1, make_revocation},
};

const char *work_missing_kind(void)
{
    for (unsigned kind = 1; kind <= UINT16_MAX; kind++) {
        const struct message *message = message_by_kind((uint16_t)kind);
        bool is_command =
            message != NULL && message_by_name(bytes_from_text(message->name)) != NULL;
        bool is_known = false;
        for (size_t i = 0; i < COUNT_OF(GENERATORS); i++) {
            is_known = is_known || GENERATORS[i].kind == kind;
        }
        if (is_command && !is_known) {
            return message->name;
        }
    }
    return NULL;
}

/* --- Intents ------------------------------------------------------------------------- */

static const struct generator *draw_generator(struct sim *sim)
{
    uint64_t total = 0;

    for (size_t i = 0; i < COUNT_OF(GENERATORS); i++) {
        total += GENERATORS[i].weight;
    }
    uint64_t drawn = draw_below(draws(sim), total);
    size_t at = 0;
    while (drawn >= GENERATORS[at].weight) {
        drawn -= GENERATORS[at++].weight;
    }
    return &GENERATORS[at];
}

static const struct generator *generator_of(uint16_t kind)
{
    size_t at = 0;

    while (GENERATORS[at].kind != kind) {
        at++;
    }
    return &GENERATORS[at];
}

/* What people mostly do with an assignment that is as they know it. */
static const struct generator *likely_answer(struct sim *sim)
{
    switch (sim->work->known.state) {
    case ASSIGNMENT_PROPOSED:
    case ASSIGNMENT_ACCEPTED:
        return generator_of(KIND_ASSIGNMENT_ACCEPT);
    case ASSIGNMENT_COMMITTED:
        return generator_of(half(sim) ? KIND_ASSIGNMENT_SHIP : KIND_ASSIGNMENT_RECEIVE);
    case ASSIGNMENT_SHIPPED:
        return generator_of(KIND_ASSIGNMENT_RECEIVE);
    default:
        return draw_generator(sim);
    }
}

/* The first commands say who there is and what. */
static const struct generator *choose_generator(struct sim *sim)
{
    size_t basics = (size_t)sim->knobs.party_count + sim->knobs.product_count;

    if (sim->work->count < basics) {
        return &GENERATORS[sim->work->count < sim->knobs.party_count ? 0 : 1];
    }
    if (sim->work->known.number > 0 && draw_below(draws(sim), 3) == 0) {
        return likely_answer(sim);
    }
    return draw_generator(sim);
}

static void fill_variant(struct sim *sim, struct intent *intent, const struct generator *generator)
{
    const struct message *message = message_by_kind(generator->kind);
    struct fact *fact = &intent->facts[intent->variant_count];
    struct buffer *body = &intent->bodies[intent->variant_count++];
    struct refusal refusal;
    union command command;

    *fact = (struct fact){.kind = generator->kind};
    sim->work->text_count = 0;
    proto_clear(message, &command);
    generator->make(sim, fact, &command);
    size_t basics = (size_t)sim->knobs.party_count + sim->knobs.product_count;
    if (sim->work->count <= basics && generator->kind == KIND_PARTY_PUT) {
        fact->party = (uint32_t)(sim->work->count - 1) % sim->knobs.party_count;
        command.party_put.party = name(sim->work, 'P', fact->party);
    }
    if (proto_check(message, &command, &refusal) != STATUS_OK) {
        fact->latest = fact->due; /* The encoder takes nothing that breaks a rule. */
        command.need_put.latest = fact->due;
    }
    proto_encode(message, &command, body);
}

uint64_t work_make(struct sim *sim, const struct known_assignment *known)
{
    struct work *work = sim->work;

    work->known = *known;
    const struct generator *generator = choose_generator(sim);
    GROW(work->intents, work->capacity, work->count + 1);
    struct intent *intent = &work->intents[work->count++];
    *intent = (struct intent){.made_us = sim->now_us};
    store_u64(intent->id, work->count);
    store_u64(intent->id + 8, hash_u64(sim->scenario->seed + work->count));
    fill_variant(sim, intent, generator);
    return work->count - 1;
}

void work_make_variant(struct sim *sim, uint64_t number)
{
    struct intent *intent = &sim->work->intents[number];

    if (intent->variant_count < VARIANT_COUNT) {
        fill_variant(sim, intent, draw_generator(sim));
    }
}

const struct intent *work_intent(const struct sim *sim, uint64_t number)
{
    return number < sim->work->count ? &sim->work->intents[number] : NULL;
}

const struct intent *work_find(const struct sim *sim, struct bytes id, uint64_t *number)
{
    if (id.size != SUBMISSION_ID_SIZE) {
        return NULL;
    }
    *number = load_u64(id.data) - 1;
    const struct intent *intent = work_intent(sim, *number);
    bool is_same = intent != NULL && bytes_equal(id, (struct bytes){intent->id, sizeof intent->id});
    return is_same ? intent : NULL;
}

void work_open(struct sim *sim)
{
    sim->work = memory_take(1, sizeof *sim->work);
}

void work_close(struct sim *sim)
{
    for (size_t i = 0; i < sim->work->count; i++) {
        for (size_t j = 0; j < VARIANT_COUNT; j++) {
            buffer_deinit(&sim->work->intents[i].bodies[j]);
        }
    }
    free(sim->work->intents);
    free(sim->work);
}
