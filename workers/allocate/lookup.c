/*
 * lookup.c - needs, offers, parties, products and dated rules by number, page by page.
 */
#include "workers/allocate/facts.h"

#define ROWS_DEFAULT 500
#define ROWS_MAX 1000 /* With rows below a kilobyte an answer fits a message. */

union row {
    struct need_row need;
    struct offer_row offer;
    struct party_row party;
    struct product_row product;
    struct dated_row dated;
};

/* One kind of thing that can be looked up. */
struct shelf {
    const char *what;
    const struct message *message;
    const struct names *(*ids)(const struct market *market);
    void (*fill)(const struct allocate *allocate, uint32_t number, union row *row);
    /* What the filters compare with. */
    void (*traits)(const union row *row, struct bytes *party, struct bytes *product,
                   struct bytes *state);
    uint8_t rule_kind; /* enum rule_kind, 0 for what is no rule. */
};

static const struct names *need_ids(const struct market *market)
{
    return &market->need_ids;
}

static const struct names *offer_ids(const struct market *market)
{
    return &market->offer_ids;
}

static const struct names *party_ids(const struct market *market)
{
    return &market->party_ids;
}

static const struct names *product_ids(const struct market *market)
{
    return &market->product_ids;
}

static const struct names *rule_ids(const struct market *market)
{
    return &market->rule_ids;
}

static void fill_need(const struct allocate *allocate, uint32_t number, union row *row)
{
    row->need = need_facts(allocate, number);
}

static void fill_offer(const struct allocate *allocate, uint32_t number, union row *row)
{
    row->offer = offer_facts(allocate, number);
}

static void fill_party(const struct allocate *allocate, uint32_t number, union row *row)
{
    row->party = party_facts(allocate, number);
}

static void fill_product(const struct allocate *allocate, uint32_t number, union row *row)
{
    row->product = product_facts(allocate, number);
}

static void fill_rule(const struct allocate *allocate, uint32_t number, union row *row)
{
    row->dated = dated_facts(allocate, number);
}

static void need_traits(const union row *row, struct bytes *party, struct bytes *product,
                        struct bytes *state)
{
    *party = row->need.party;
    *product = row->need.product;
    *state = row->need.state;
}

static void offer_traits(const union row *row, struct bytes *party, struct bytes *product,
                         struct bytes *state)
{
    *party = row->offer.party;
    *product = row->offer.product;
    *state = row->offer.state;
}

static void party_traits(const union row *row, struct bytes *party, struct bytes *product,
                         struct bytes *state)
{
    *party = row->party.party;
    *product = (struct bytes){0};
    *state = (struct bytes){0};
}

static void product_traits(const union row *row, struct bytes *party, struct bytes *product,
                           struct bytes *state)
{
    *party = (struct bytes){0};
    *product = row->product.product;
    *state = (struct bytes){0};
}

static void rule_traits(const union row *row, struct bytes *party, struct bytes *product,
                        struct bytes *state)
{
    *party = row->dated.party;
    *product = row->dated.product;
    *state = row->dated.state;
}

static const struct shelf shelves[] = {
    {"need", &NEED_ROW, need_ids, fill_need, need_traits, 0},
    {"offer", &OFFER_ROW, offer_ids, fill_offer, offer_traits, 0},
    {"party", &PARTY_ROW, party_ids, fill_party, party_traits, 0},
    {"product", &PRODUCT_ROW, product_ids, fill_product, product_traits, 0},
    {"substitute", &DATED_ROW, rule_ids, fill_rule, rule_traits, RULE_SUBSTITUTE},
    {"norm", &DATED_ROW, rule_ids, fill_rule, rule_traits, RULE_NORM},
    {"certificate", &DATED_ROW, rule_ids, fill_rule, rule_traits, RULE_CERTIFICATE},
    {"exclusion", &DATED_ROW, rule_ids, fill_rule, rule_traits, RULE_EXCLUSION},
};

static bool passes(struct bytes filter, struct bytes value)
{
    return filter.size == 0 || bytes_equal(filter, value);
}

static bool is_wanted(const struct shelf *shelf, const struct lookup *lookup, const union row *row)
{
    struct bytes party;
    struct bytes product;
    struct bytes state;

    shelf->traits(row, &party, &product, &state);
    return passes(lookup->party, party) && passes(lookup->product, product) &&
           passes(lookup->state, state);
}

/* Appends the row to the answer's list. */
static void add_row(struct allocate *allocate, const struct shelf *shelf, const union row *row,
                    struct rows *rows)
{
    struct raw_item *item = (struct raw_item *)rows->rows.items + rows->rows.count++;

    allocate->body.size = 0;
    proto_encode(shelf->message, row, &allocate->body);
    item->value = arena_copy(&allocate->arena, buffer_view(&allocate->body));
}

static void collect(struct allocate *allocate, const struct shelf *shelf,
                    const struct lookup *lookup, size_t limit, struct rows *rows)
{
    const struct market *market = plan_market(allocate->plan);
    uint32_t count = shelf->ids(market)->count;
    union row row;

    for (uint64_t number = lookup->from; number < count; number++) {
        if (shelf->rule_kind != 0 && market->rules[number].kind != shelf->rule_kind) {
            continue;
        }
        if (rows->rows.count == limit) {
            rows->next = number;
            return;
        }
        shelf->fill(allocate, (uint32_t)number, &row);
        if (is_wanted(shelf, lookup, &row)) {
            add_row(allocate, shelf, &row, rows);
        }
    }
}

static const struct shelf *find_shelf(struct bytes what)
{
    for (size_t i = 0; i < COUNT_OF(shelves); i++) {
        if (bytes_equal(what, bytes_from_text(shelves[i].what))) {
            return &shelves[i];
        }
    }
    return NULL;
}

static void take_one(struct allocate *allocate, const struct shelf *shelf, struct bytes id,
                     struct rows *rows)
{
    const struct market *market = plan_market(allocate->plan);
    enum rule_kind kind = (enum rule_kind)shelf->rule_kind;
    uint32_t number =
        kind == 0 ? names_find(shelf->ids(market), id) : market_find_rule(market, kind, id);
    union row row;

    if (number != NAME_NONE) {
        shelf->fill(allocate, number, &row);
        add_row(allocate, shelf, &row, rows);
    }
}

enum status allocate_lookup(struct allocate *allocate, struct bytes body, struct buffer *answer,
                            struct refusal *refusal)
{
    struct lookup lookup;
    struct rows rows = {.seq = allocate->seq};
    enum status status = proto_decode(&LOOKUP, body, &allocate->arena, &lookup, refusal);

    if (status != STATUS_OK) {
        return status;
    }
    const struct shelf *shelf = find_shelf(lookup.what);
    if (shelf == NULL) {
        *refusal = (struct refusal){.code = CODE_UNKNOWN, .field = "what", .why = "no such kind"};
        return STATUS_INVALID;
    }
    size_t limit = lookup.limit == 0 ? ROWS_DEFAULT : min_u64(lookup.limit, ROWS_MAX);
    rows.rows.items = arena_take(&allocate->arena, limit * sizeof(struct raw_item));
    if (lookup.id.size == 0) {
        collect(allocate, shelf, &lookup, limit, &rows);
    } else {
        take_one(allocate, shelf, lookup.id, &rows);
    }
    proto_encode(&ROWS, &rows, answer);
    return STATUS_OK;
}
