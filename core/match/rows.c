/*
 * rows.c - the market's things as bytes, for checkpoints.
 *
 *     every row   version u8, then little-endian fields; text = size u16 + bytes
 *     party       id name departement region country, roles u64, lat i32, lon i32
 *     product     id family name unit, lot u64, need_max u64, offer_max u64, recyclable u8
 *     need        id, party u32, product u32, quantity u64, due i32, latest i32, class u8, state u8
 *     offer       id, party u32, product u32, kind u8, state u8, lead u32, from i32, to i32,
 *                 quantity u64, per_day u64, capacity u64, count u8, then if any report was taken
 *                 (count is stretches + 1): numbers 3 x u64, stretches (from i32, to i32,
 *                 per_day u64, source u8)
 *     clock       now_ms u64, today i32
 *     rule        id, kind u8, class u8, revoked u8, from i32, to i32, product u32, given u32, rank
 *                 u32, party u32, other u32 (NAME_NONE for none), code text country region
 *
 * What follows from the rest (lists, index, heaps, place, source) is not stored.
 */
#include "core/match/capacity.h"
#include "core/match/market.h"
#include "core/match/rules.h"
#include "core/match/settle.h"

#define ROW_VERSION 2

struct row { /* Bytes still to be read; not intact once something did not fit. */
    struct bytes rest;
    bool is_intact;
};

static void put_u8(struct buffer *target, uint8_t value)
{
    *buffer_extend(target, sizeof value) = value;
}

static void put_u32(struct buffer *target, uint32_t value)
{
    store_u32(buffer_extend(target, sizeof value), value);
}

static void put_u64(struct buffer *target, uint64_t value)
{
    store_u64(buffer_extend(target, sizeof value), value);
}

static void put_bytes(struct buffer *target, struct bytes text)
{
    store_u16(buffer_extend(target, sizeof(uint16_t)), (uint16_t)text.size);
    buffer_append(target, text.data, text.size);
}

/* A text by its number; an absent one as an empty one. */
static void put_text(const struct market *market, uint32_t number, struct buffer *target)
{
    put_bytes(target,
              number == NAME_NONE ? (struct bytes){.size = 0} : names_text(&market->texts, number));
}

static struct bytes take(struct row *row, size_t size)
{
    static const uint8_t zeros[8];

    if (size > row->rest.size) {
        row->is_intact = false;
        return (struct bytes){.data = zeros, .size = 0};
    }
    struct bytes taken = {.data = row->rest.data, .size = size};
    row->rest.data += size;
    row->rest.size -= size;
    return taken;
}

static uint8_t take_u8(struct row *row)
{
    return *take(row, sizeof(uint8_t)).data;
}

static bool take_flag(struct row *row)
{
    uint8_t flag = take_u8(row);

    row->is_intact = row->is_intact && flag <= 1;
    return flag == 1;
}

static uint32_t take_u32(struct row *row)
{
    return load_u32(take(row, sizeof(uint32_t)).data);
}

static uint64_t take_u64(struct row *row)
{
    return load_u64(take(row, sizeof(uint64_t)).data);
}

static struct bytes take_bytes(struct row *row)
{
    return take(row, load_u16(take(row, sizeof(uint16_t)).data));
}

static int32_t take_day(struct row *row)
{
    int32_t day = (int32_t)take_u32(row);

    row->is_intact = row->is_intact && (day == DAY_NONE || (day >= DAY_MIN && day <= DAY_MAX));
    return day;
}

/* Parties. */

static void save_party(const struct market *market, uint32_t number, struct buffer *target)
{
    ENSURE(number < market->party_ids.count);
    const struct party *party = &market->parties[number];

    put_bytes(target, names_text(&market->party_ids, number));
    put_text(market, party->name, target);
    put_text(market, party->departement, target);
    put_text(market, party->region, target);
    put_text(market, party->country, target);
    put_u64(target, party->roles);
    put_u32(target, (uint32_t)party->lat);
    put_u32(target, (uint32_t)party->lon);
}

static uint32_t optional_text(struct market *market, struct bytes text)
{
    return text.size == 0 ? NAME_NONE : names_add(&market->texts, text);
}

/* True when the row was read to its end and its id is the next one of `ids`. */
static bool is_next(const struct row *row, const struct names *ids, uint32_t number,
                    struct bytes id)
{
    return row->is_intact && row->rest.size == 0 && number == ids->count &&
           id.size <= ID_SIZE_MAX && names_find(ids, id) == NAME_NONE;
}

static bool is_place(int32_t micro_degrees, int32_t bound)
{
    return micro_degrees == PLACE_NONE ||
           (micro_degrees >= -bound * 1000000 && micro_degrees <= bound * 1000000);
}

static enum status restore_party(struct market *market, uint32_t number, struct row *row)
{
    struct bytes id = take_bytes(row);
    struct bytes name = take_bytes(row);
    struct bytes departement = take_bytes(row);
    struct bytes region = take_bytes(row);
    struct bytes country = take_bytes(row);
    struct party party = {
        .roles = take_u64(row),
    };

    party.lat = (int32_t)take_u32(row);
    party.lon = (int32_t)take_u32(row);
    if (!is_next(row, &market->party_ids, number, id) || number >= MARKET_PARTY_COUNT_MAX ||
        !is_place(party.lat, 90) || !is_place(party.lon, 180)) {
        return STATUS_CORRUPT;
    }
    party.name = names_add(&market->texts, name);
    party.departement = optional_text(market, departement);
    party.region = optional_text(market, region);
    party.country = optional_text(market, country);
    (void)settle_party(market, id, &party);
    return STATUS_OK;
}

/* Products. */

static void save_product(const struct market *market, uint32_t number, struct buffer *target)
{
    ENSURE(number < market->product_ids.count);
    const struct product *product = &market->products[number];

    put_bytes(target, names_text(&market->product_ids, number));
    put_text(market, product->family, target);
    put_text(market, product->name, target);
    put_text(market, product->unit, target);
    put_u64(target, product->lot);
    put_u64(target, product->need_max);
    put_u64(target, product->offer_max);
    put_u8(target, product->recyclable ? 1 : 0);
}

static enum status restore_product(struct market *market, uint32_t number, struct row *row)
{
    struct product product = {.lot = 0};
    struct bytes id = take_bytes(row);
    struct bytes family = take_bytes(row);
    struct bytes name = take_bytes(row);
    struct bytes unit = take_bytes(row);

    product.lot = take_u64(row);
    product.need_max = take_u64(row);
    product.offer_max = take_u64(row);
    product.recyclable = take_flag(row);
    if (!is_next(row, &market->product_ids, number, id) || number >= MARKET_PRODUCT_COUNT_MAX ||
        product.lot == 0 || product.lot > QUANTITY_MAX || product.need_max > QUANTITY_MAX ||
        product.offer_max > QUANTITY_MAX) {
        return STATUS_CORRUPT;
    }
    product.family = names_add(&market->texts, family);
    product.name = names_add(&market->texts, name);
    product.unit = names_add(&market->texts, unit);
    (void)settle_product(market, id, &product);
    return STATUS_OK;
}

/* Needs. */

static void save_need(const struct market *market, uint32_t number, struct buffer *target)
{
    ENSURE(number < market->need_ids.count);
    const struct need *need = &market->needs[number];

    put_bytes(target, names_text(&market->need_ids, number));
    put_u32(target, need->party);
    put_u32(target, need->product);
    put_u64(target, need->quantity);
    put_u32(target, (uint32_t)need->due);
    put_u32(target, (uint32_t)need->latest);
    put_u8(target, need->class_number);
    put_u8(target, need->state);
}

static enum status restore_need(struct market *market, uint32_t number, struct row *row)
{
    struct need need = {.quantity = 0};
    struct bytes id = take_bytes(row);

    need.party = take_u32(row);
    need.product = take_u32(row);
    need.quantity = take_u64(row);
    need.due = take_day(row);
    need.latest = take_day(row);
    need.class_number = take_u8(row);
    need.state = take_u8(row);
    if (!is_next(row, &market->need_ids, number, id) || number >= MARKET_NEED_COUNT_MAX ||
        need.party >= market->party_ids.count || need.product >= market->product_ids.count ||
        need.quantity == 0 || need.quantity > QUANTITY_MAX || need.class_number == 0 ||
        need.class_number > CLASS_COUNT || need.state < NEED_QUARANTINED ||
        need.state > NEED_EXPIRED) {
        return STATUS_CORRUPT;
    }
    (void)settle_need(market, id, &need);
    return STATUS_OK;
}

/* Offers. */

static void save_reports(const struct capacity_reports *reports, struct buffer *target)
{
    if (reports == NULL) {
        put_u8(target, 0);
        return;
    }
    put_u8(target, (uint8_t)(reports->count + 1));
    for (uint32_t source = SOURCE_DECLARED; source <= SOURCE_ADAPTER; source++) {
        put_u64(target, reports->numbers[source]);
    }
    for (size_t i = 0; i < reports->count; i++) {
        put_u32(target, (uint32_t)reports->stretches[i].from);
        put_u32(target, (uint32_t)reports->stretches[i].to);
        put_u64(target, reports->stretches[i].per_day);
        put_u8(target, reports->stretches[i].source);
    }
}

static void save_offer(const struct market *market, uint32_t number, struct buffer *target)
{
    ENSURE(number < market->offer_ids.count);
    const struct offer *offer = &market->offers[number];

    put_bytes(target, names_text(&market->offer_ids, number));
    put_u32(target, offer->party);
    put_u32(target, offer->product);
    put_u8(target, offer->offer_kind);
    put_u8(target, offer->state);
    put_u32(target, offer->lead_days);
    put_u32(target, (uint32_t)offer->from);
    put_u32(target, (uint32_t)offer->to);
    put_u64(target, offer->quantity);
    put_u64(target, offer->per_day);
    put_u64(target, offer->capacity);
    save_reports(offer->reports, target);
}

static void restore_reports(struct row *row, struct offer *offer)
{
    uint8_t count = take_u8(row);

    if (count == 0 || count > CAPACITY_STRETCH_COUNT_MAX + 1) {
        row->is_intact = row->is_intact && count == 0;
        return;
    }
    struct capacity_reports *reports = capacity_take(offer);
    for (uint32_t source = SOURCE_DECLARED; source <= SOURCE_ADAPTER; source++) {
        reports->numbers[source] = take_u64(row);
    }
    reports->count = count - 1u;
    GROW(reports->stretches, reports->capacity, reports->count);
    for (size_t i = 0; i < reports->count; i++) {
        struct capacity_stretch *stretch = &reports->stretches[i];
        stretch->from = take_day(row);
        stretch->to = take_day(row);
        stretch->per_day = take_u64(row);
        stretch->source = take_u8(row);
        row->is_intact = row->is_intact && stretch->from >= DAY_MIN &&
                         stretch->from <= stretch->to && stretch->per_day <= QUANTITY_MAX &&
                         stretch->source >= SOURCE_DECLARED && stretch->source <= SOURCE_ADAPTER &&
                         (i == 0 || stretch->from > stretch[-1].to);
    }
}

static enum status restore_offer(struct market *market, uint32_t number, struct row *row)
{
    struct offer offer = {.quantity = 0};
    struct bytes id = take_bytes(row);

    offer.party = take_u32(row);
    offer.product = take_u32(row);
    offer.offer_kind = take_u8(row);
    offer.state = take_u8(row);
    offer.lead_days = take_u32(row);
    offer.from = take_day(row);
    offer.to = take_day(row);
    offer.quantity = take_u64(row);
    offer.per_day = take_u64(row);
    offer.capacity = take_u64(row);
    restore_reports(row, &offer);
    if (!is_next(row, &market->offer_ids, number, id) || number >= MARKET_OFFER_COUNT_MAX ||
        offer.party >= market->party_ids.count || offer.product >= market->product_ids.count ||
        offer.offer_kind < OFFER_STOCK || offer.offer_kind > OFFER_CAPACITY ||
        offer.state < OFFER_QUARANTINED || offer.state > OFFER_EXPIRED ||
        offer.lead_days > LEAD_DAYS_MAX || offer.quantity > QUANTITY_MAX ||
        offer.per_day > QUANTITY_MAX || offer.capacity > QUANTITY_MAX) {
        capacity_release(&offer);
        return STATUS_CORRUPT;
    }
    capacity_name_source(&offer);
    (void)settle_offer(market, id, &offer);
    return STATUS_OK;
}

/* Rules. */

static void save_rule(const struct market *market, uint32_t number, struct buffer *target)
{
    ENSURE(number < market->rule_ids.count);
    const struct rule *rule = &market->rules[number];

    put_bytes(target, market_rule_id(market, number));
    put_u8(target, rule->kind);
    put_u8(target, rule->class_number);
    put_u8(target, rule->is_revoked ? 1 : 0);
    put_u32(target, (uint32_t)rule->from);
    put_u32(target, (uint32_t)rule->to);
    put_u32(target, rule->product);
    put_u32(target, rule->given);
    put_u32(target, rule->rank);
    put_u32(target, rule->party);
    put_u32(target, rule->other);
    put_text(market, rule->code, target);
    put_text(market, rule->text, target);
    put_text(market, rule->country, target);
    put_text(market, rule->region, target);
}

static bool is_number(uint32_t number, const struct names *ids)
{
    return number == NAME_NONE || number < ids->count;
}

static bool is_rule(const struct market *market, uint32_t number, const struct rule *rule,
                    struct bytes id)
{
    return number == market->rule_ids.count && number < MARKET_RULE_COUNT_MAX &&
           rule->kind >= RULE_SUBSTITUTE && rule->kind <= RULE_EXCLUSION &&
           id.size <= ID_SIZE_MAX &&
           market_find_rule(market, (enum rule_kind)rule->kind, id) == NAME_NONE &&
           is_number(rule->product, &market->product_ids) &&
           is_number(rule->given, &market->product_ids) &&
           is_number(rule->party, &market->party_ids) &&
           is_number(rule->other, &market->party_ids) && rules_is_whole(rule) &&
           rules_have_room(market, rule);
}

static enum status restore_rule(struct market *market, uint32_t number, struct row *row)
{
    struct bytes id = take_bytes(row);
    struct rule rule = {.kind = take_u8(row)};

    rule.class_number = take_u8(row);
    rule.is_revoked = take_flag(row);
    rule.from = take_day(row);
    rule.to = take_day(row);
    rule.product = take_u32(row);
    rule.given = take_u32(row);
    rule.rank = take_u32(row);
    rule.party = take_u32(row);
    rule.other = take_u32(row);
    struct bytes code = take_bytes(row);
    struct bytes text = take_bytes(row);
    struct bytes country = take_bytes(row);
    struct bytes region = take_bytes(row);
    if (!row->is_intact || row->rest.size != 0 || !is_rule(market, number, &rule, id)) {
        return STATUS_CORRUPT;
    }
    rule.code = optional_text(market, code);
    rule.text = optional_text(market, text);
    rule.country = optional_text(market, country);
    rule.region = optional_text(market, region);
    (void)rules_add(market, id, &rule);
    return STATUS_OK;
}

/* The clock. */

static enum status restore_clock(struct market *market, struct row *row)
{
    uint64_t now_ms = take_u64(row);
    int32_t today = take_day(row);

    if (!row->is_intact || row->rest.size != 0 || now_ms / DAY_MS > DAY_MAX ||
        (today == DAY_NONE ? now_ms != 0 : today != day_of(now_ms))) {
        return STATUS_CORRUPT;
    }
    market->now_ms = now_ms;
    market->today = today;
    return STATUS_OK;
}

void market_save(const struct market *market, enum market_thing thing, uint32_t number,
                 struct buffer *target)
{
    put_u8(target, ROW_VERSION);
    switch (thing) {
    case MARKET_PARTY:
        save_party(market, number, target);
        return;
    case MARKET_PRODUCT:
        save_product(market, number, target);
        return;
    case MARKET_NEED:
        save_need(market, number, target);
        return;
    case MARKET_OFFER:
        save_offer(market, number, target);
        return;
    case MARKET_CLOCK:
        put_u64(target, market->now_ms);
        put_u32(target, (uint32_t)market->today);
        return;
    case MARKET_RULE:
        save_rule(market, number, target);
        return;
    }
    UNREACHABLE();
}

enum status market_restore(struct market *market, enum market_thing thing, uint32_t number,
                           struct bytes bytes)
{
    struct row row = {.rest = bytes, .is_intact = true};

    if (take_u8(&row) != ROW_VERSION) {
        return STATUS_CORRUPT;
    }
    switch (thing) {
    case MARKET_PARTY:
        return restore_party(market, number, &row);
    case MARKET_PRODUCT:
        return restore_product(market, number, &row);
    case MARKET_NEED:
        return restore_need(market, number, &row);
    case MARKET_OFFER:
        return restore_offer(market, number, &row);
    case MARKET_CLOCK:
        return restore_clock(market, &row);
    case MARKET_RULE:
        return restore_rule(market, number, &row);
    }
    UNREACHABLE();
}
