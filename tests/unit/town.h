/*
 * town.h - a plan, and a market of its own that finds the matches as the role in front does:
 * for tests that tell it what happens and look at what it decides.
 */
#ifndef TESTS_UNIT_TOWN_H
#define TESTS_UNIT_TOWN_H

#include "core/plan/plan.h"
#include "tests/harness.h"

#define NEED_COUNT_MAX 400
#define OFFER_COUNT_MAX 200
#define ID_TEXT_SIZE 24

/* What plans tell, as text. */

struct tape {
    struct buffer text;
    size_t assignment_count;
    struct assignment_event last; /* Numbers only; its texts are not kept. */
    char last_reason[REASON_SIZE_MAX + 1];
    char last_code[32];
    char last_why[256];
};

static inline void on_assignment(void *context, const struct assignment_event *event)
{
    struct tape *tape = context;

    buffer_format(&tape->text,
                  "%" PRIu64 " %" PRIu64 " %.*s %.*s %.*s %.*s %.*s %" PRIu64 " %" PRIu64
                  " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %.*s %" PRIu64 " %" PRIu64 "\n",
                  event->assignment, event->state, BYTES_ARGS(event->need),
                  BYTES_ARGS(event->offer), BYTES_ARGS(event->product),
                  BYTES_ARGS(event->requester), BYTES_ARGS(event->offerer), event->quantity,
                  event->before, event->class_number, event->cost, event->kilometres,
                  event->arrival, BYTES_ARGS(event->reason), event->cause, event->at);
    tape->assignment_count++;
    tape->last = *event;
    snprintf(tape->last_reason, sizeof tape->last_reason, "%.*s", BYTES_ARGS(event->reason));
}

static inline void on_answer(void *context, const struct answer_event *event)
{
    struct tape *tape = context;

    buffer_format(&tape->text, "%.*s %" PRIu64 " %d %.*s %.*s %" PRIu64 " %" PRIu64 "\n",
                  BYTES_ARGS(event->id), event->assignment, event->done, BYTES_ARGS(event->code),
                  BYTES_ARGS(event->why), event->cause, event->at);
    snprintf(tape->last_code, sizeof tape->last_code, "%.*s", BYTES_ARGS(event->code));
    snprintf(tape->last_why, sizeof tape->last_why, "%.*s", BYTES_ARGS(event->why));
}

/* A market of its own finds the matches, as the role in front of the plan does. */
struct town {
    struct plan *plan;
    struct market *scout;
    struct match_rules rules;
    uint32_t bounds[NEED_COUNT_MAX]; /* As told to the plan. */
    struct tape tape;
    uint64_t seq;
};

static inline void open_town_with(struct town *town, const struct plan_options *options)
{
    *town = (struct town){.rules = options->rules};
    plan_open(options, &town->plan);
    market_open(&town->scout);
}

static inline void open_town(struct town *town, uint32_t kept_max, uint32_t slot_count_max)
{
    struct plan_options options = plan_options_default();

    options.rules.kept_max = kept_max;
    options.slot_count_max = slot_count_max;
    open_town_with(town, &options);
}

static inline void close_town(struct town *town)
{
    plan_close(town->plan);
    market_close(town->scout);
    buffer_deinit(&town->tape.text);
}

/* The offer goes to every need for which it is cheaper than what is known to be listed. */
static inline void list_offer(struct town *town, uint32_t offer)
{
    const struct market *scout = town->scout;

    for (uint32_t need = 0; need < scout->need_ids.count; need++) {
        struct match match = match_check(scout, &town->rules, need, offer);
        if (match.reason == MATCH_POSSIBLE && match.cost < town->bounds[need]) {
            plan_apply_match(town->plan, need, offer, match.cost, town->bounds[need]);
        }
    }
}

static inline bool is_need_kind(uint16_t kind)
{
    return kind == KIND_NEED_PUT || kind == KIND_NEED_CANCEL || kind == KIND_NEED_RELEASE;
}

static inline bool is_offer_kind(uint16_t kind)
{
    return kind == KIND_OFFER_PUT || kind == KIND_OFFER_WITHDRAW || kind == KIND_OFFER_RELEASE ||
           kind == KIND_CAPACITY_PUT;
}

/* The needs of one party, or all, as the role in front does it. */
static inline void search_anew(struct town *town, uint32_t party)
{
    static struct candidate candidates[MATCH_KEPT_MAX];
    const struct market *scout = town->scout;

    for (uint32_t need = 0; need < scout->need_ids.count; need++) {
        bool is_meant = party == NAME_NONE || scout->needs[need].party == party;
        if (is_meant && scout->needs[need].state == NEED_OPEN) {
            match_candidates(scout, &town->rules, need, candidates, &town->bounds[need]);
        }
    }
}

/* The needs that a rule is about: every other one is left to the plan's own prices, as the offline
 * commands do. */
static inline void list_affected(struct town *town, const struct market_change *change)
{
    static struct candidate candidates[MATCH_KEPT_MAX];

    for (size_t i = 0; i < change->affected_need_count; i++) {
        uint32_t need = change->affected_needs[i];
        town->bounds[need] = 0;
        if (need % 2 == 0) {
            size_t count =
                match_candidates(town->scout, &town->rules, need, candidates, &town->bounds[need]);
            plan_apply_listed(town->plan, need, candidates, count, town->bounds[need]);
        }
    }
}

static inline enum outcome tell(struct town *town, uint16_t kind, const union command *command,
                                bool is_quarantined)
{
    static struct candidate candidates[OFFER_COUNT_MAX];
    struct market_change change;

    market_apply(town->scout, kind, command, is_quarantined, &change);
    if (kind == KIND_RULES_PUT) {
        town->rules = match_rules_from(&command->rules_put);
    }
    struct plan_input input = {
        .kind = kind,
        .command = command,
        .is_quarantined = is_quarantined,
        .submission_id = bytes_from_text("0123456789abcdef"),
        .seq = ++town->seq,
        .time_ms = 1000 + town->seq,
    };
    bool is_known = change.number != NAME_NONE;
    if (is_need_kind(kind) && is_known && town->scout->needs[change.number].state == NEED_OPEN) {
        struct match_rules rules = town->rules;
        rules.kept_max = (uint32_t)min_u64(rules.kept_max, OFFER_COUNT_MAX);
        input.candidates = candidates;
        input.candidate_count = match_candidates(town->scout, &rules, change.number, candidates,
                                                 &town->bounds[change.number]);
        input.bound = town->bounds[change.number];
    }
    plan_apply(town->plan, &input);
    list_affected(town, &change);
    if (kind == KIND_RULES_PUT || (kind == KIND_PARTY_PUT && change.outcome == OUTCOME_CHANGED)) {
        search_anew(town, kind == KIND_PARTY_PUT ? change.number : NAME_NONE);
    }
    if (is_offer_kind(kind) && is_known &&
        town->scout->offers[change.number].state == OFFER_ACTIVE) {
        list_offer(town, change.number);
    }
    return change.outcome;
}

static inline void settle(struct town *town)
{
    char problem[160] = "";

    plan_settle(town->plan, &(struct plan_listener){&town->tape, on_assignment, on_answer});
    if (!plan_certify(town->plan, problem)) {
        fprintf(stderr, "after entry %" PRIu64 ": %s\n", town->seq, problem);
        fail_case();
    }
}

/* Commands in short. */

static inline struct bytes id_text(char text[ID_TEXT_SIZE], char letter, uint64_t number)
{
    snprintf(text, ID_TEXT_SIZE, "%c%" PRIu64, letter, number);
    return bytes_from_text(text);
}

struct spot {
    int64_t lat, lon; /* Degrees. */
    const char *region;
};

static inline void put_party(struct town *town, uint64_t number, struct spot spot)
{
    char id[ID_TEXT_SIZE];

    tell(town, KIND_PARTY_PUT,
         &(union command){.party_put = {.party = id_text(id, 'p', number),
                                        .name = bytes_from_text("somebody"),
                                        .roles = ROLE_REQUESTER | ROLE_OFFERER,
                                        .region = bytes_from_text(spot.region),
                                        .country = bytes_from_text("FR"),
                                        .lat = spot.lat * 1000000,
                                        .lon = spot.lon * 1000000}},
         false);
}

static inline void put_product(struct town *town, uint64_t number, uint64_t lot)
{
    char id[ID_TEXT_SIZE];

    tell(town, KIND_PRODUCT_PUT,
         &(union command){.product_put = {.product = id_text(id, 'g', number),
                                          .family = bytes_from_text("masks"),
                                          .name = bytes_from_text("mask"),
                                          .unit = bytes_from_text("piece"),
                                          .lot = lot}},
         false);
}

struct wish {
    uint64_t need, party, product, quantity, class_number;
    int64_t due, latest;
    bool is_quarantined;
};

static inline enum outcome put_need(struct town *town, const struct wish *wish)
{
    char need[ID_TEXT_SIZE];
    char party[ID_TEXT_SIZE];
    char product[ID_TEXT_SIZE];

    return tell(town, KIND_NEED_PUT,
                &(union command){.need_put = {.need = id_text(need, 'n', wish->need),
                                              .party = id_text(party, 'p', wish->party),
                                              .product = id_text(product, 'g', wish->product),
                                              .quantity = wish->quantity,
                                              .class_number = wish->class_number,
                                              .due = wish->due,
                                              .latest = wish->latest,
                                              .at = TIME_NONE}},
                wish->is_quarantined);
}

struct gift {
    uint64_t offer, party, product, quantity;
    uint64_t lead_days;
    int64_t from;
    uint64_t per_day; /* Unless 0 a line until `to`, */
    int64_t to;
    bool is_quarantined;
};

static inline enum outcome put_offer(struct town *town, const struct gift *gift)
{
    char offer[ID_TEXT_SIZE];
    char party[ID_TEXT_SIZE];
    char product[ID_TEXT_SIZE];

    return tell(town, KIND_OFFER_PUT,
                &(union command){
                    .offer_put = {.offer = id_text(offer, 'o', gift->offer),
                                  .party = id_text(party, 'p', gift->party),
                                  .product = id_text(product, 'g', gift->product),
                                  .offer_kind = gift->per_day > 0 ? OFFER_CAPACITY : OFFER_STOCK,
                                  .quantity = gift->quantity,
                                  .per_day = gift->per_day,
                                  .lead_days = gift->lead_days,
                                  .from = gift->from,
                                  .to = gift->per_day > 0 ? gift->to : DAY_NONE,
                                  .at = TIME_NONE}},
                gift->is_quarantined);
}

static inline enum outcome put_capacity_of(struct town *town, uint64_t offer, int64_t from,
                                           int64_t to, uint64_t units)
{
    char id[ID_TEXT_SIZE];

    return tell(town, KIND_CAPACITY_PUT,
                &(union command){.capacity_put = {.offer = id_text(id, 'o', offer),
                                                  .from = from,
                                                  .to = to,
                                                  .per_day = units,
                                                  .source = SOURCE_DECLARED,
                                                  .at = TIME_NONE}},
                false);
}

static inline enum outcome put_capacity(struct town *town, uint64_t offer, uint64_t units)
{
    return put_capacity_of(town, offer, DAY_NONE, DAY_NONE, units);
}

static inline enum outcome name_one(struct town *town, uint16_t kind, char letter, uint64_t number)
{
    char id[ID_TEXT_SIZE];

    return tell(town, kind,
                &(union command){.id_command = {.id = id_text(id, letter, number),
                                                .reason = bytes_from_text("withdrawn")}},
                false);
}

struct word {
    uint16_t kind;
    uint64_t assignment, party;
    const char *reason;
};

static inline void answer(struct town *town, const struct word *word)
{
    char party[ID_TEXT_SIZE];

    tell(town, word->kind,
         &(union command){.assignment = {.assignment = word->assignment,
                                         .party = id_text(party, 'p', word->party),
                                         .reason = bytes_from_text(word->reason)}},
         false);
}

static inline void pass_day(struct town *town, int32_t day)
{
    tell(town, KIND_TICK, &(union command){.tick = {.now = (uint64_t)day * DAY_MS}}, false);
}

/* Rows as a journal keeps them: by table and key, the last value. */

struct shelf {
    struct {
        uint8_t table;
        uint32_t key;
        struct buffer value;
    } rows[4096];
    size_t count;
};

static inline void put_row(void *context, uint8_t table, struct bytes key, struct bytes value)
{
    struct shelf *shelf = context;
    uint32_t number = load_u32_be(key.data);
    size_t at = 0;

    while (at < shelf->count && (shelf->rows[at].table < table || (shelf->rows[at].table == table &&
                                                                   shelf->rows[at].key < number))) {
        at++;
    }
    if (at == shelf->count || shelf->rows[at].table != table || shelf->rows[at].key != number) {
        EXPECT_TRUE(shelf->count < COUNT_OF(shelf->rows));
        memmove(&shelf->rows[at + 1], &shelf->rows[at],
                (shelf->count - at) * sizeof shelf->rows[0]);
        memset(&shelf->rows[at], 0, sizeof shelf->rows[at]);
        shelf->rows[at].table = table;
        shelf->rows[at].key = number;
        shelf->count++;
    }
    shelf->rows[at].value.size = 0;
    buffer_append(&shelf->rows[at].value, value.data, value.size);
}

static inline void clear_shelf(struct shelf *shelf)
{
    for (size_t i = 0; i < shelf->count; i++) {
        buffer_deinit(&shelf->rows[i].value);
    }
    shelf->count = 0;
}

static inline enum status load_shelf(struct plan *plan, const struct shelf *shelf)
{
    for (size_t i = 0; i < shelf->count; i++) {
        uint8_t key[4];
        store_u32_be(key, shelf->rows[i].key);
        enum status status = plan_load(plan, shelf->rows[i].table, (struct bytes){key, sizeof key},
                                       buffer_view(&shelf->rows[i].value));
        if (status != STATUS_OK) {
            return status;
        }
    }
    return plan_loaded(plan);
}

#endif
