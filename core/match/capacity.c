/*
 * capacity.c - stretches of reported days, cut and joined.
 *
 *     known      [declared 5   ][adapter 8 ][declared 5      ]
 *     report               [operator 6             ]
 *     then       [declared ][ 6 ][adapter 8 ][ 6   ][declared]
 */
#include "core/match/capacity.h"

#include <stdlib.h>
#include <string.h>

/* One report cuts one stretch in two and adds itself, or fills a gap beside each kept stretch. */
#define DRAFT_SIZE (2 * CAPACITY_STRETCH_COUNT_MAX + 2)

struct period { /* The days that count, none when from > to. */
    int32_t from, to;
    uint64_t per_day; /* As put. */
};

struct draft {
    struct capacity_stretch stretches[DRAFT_SIZE];
    size_t count;
};

static struct period period_of(const struct offer *offer, int32_t today)
{
    if (offer->offer_kind == OFFER_STOCK) {
        return (struct period){.from = 0, .to = 0, .per_day = offer->quantity};
    }
    if (offer->from == DAY_NONE || offer->to == DAY_NONE) {
        return (struct period){.from = 0, .to = -1};
    }
    return (struct period){
        .from = today > offer->from ? today : offer->from,
        .to = offer->to,
        .per_day = offer->per_day,
    };
}

static uint64_t days_in(int32_t from, int32_t to)
{
    return from > to ? 0 : (uint64_t)((int64_t)to - from + 1);
}

static uint64_t saturating_sum(uint64_t sum, uint64_t days, uint64_t per_day)
{
    uint64_t units = 0;

    if (!multiply_u64(days, per_day, &units) || units > QUANTITY_MAX) {
        return QUANTITY_MAX;
    }
    return min_u64(sum + units, QUANTITY_MAX);
}

/* Appends the days of `stretch` from `from` to `to`, joined to the stretch before where alike. */
static void add(struct draft *draft, const struct capacity_stretch *stretch, int32_t from,
                int32_t to)
{
    if (from > to) {
        return;
    }
    if (draft->count > 0) {
        struct capacity_stretch *last = &draft->stretches[draft->count - 1];
        if (last->to + 1 == from && last->per_day == stretch->per_day &&
            last->source == stretch->source) {
            last->to = to;
            return;
        }
    }
    ENSURE(draft->count < DRAFT_SIZE);
    draft->stretches[draft->count] = *stretch;
    draft->stretches[draft->count].from = from;
    draft->stretches[draft->count++].to = to;
}

/* The stretches of `reports` inside `period`, without those of sources up to `dropped`. */
static void clip(const struct capacity_reports *reports, const struct period *period,
                 uint8_t dropped, struct draft *draft)
{
    for (size_t i = 0; i < reports->count; i++) {
        const struct capacity_stretch *stretch = &reports->stretches[i];
        if (stretch->source > dropped) {
            add(draft, stretch, stretch->from > period->from ? stretch->from : period->from,
                stretch->to < period->to ? stretch->to : period->to);
        }
    }
}

/* A report on its way into a draft. */
struct laying {
    const struct capacity_stretch *report;
    int32_t next; /* The first day of the report that has no place yet. */
    bool is_laid; /* Some day has. */
    struct draft *draft;
};

/* Lays the days of the report up to `end`. */
static void lay_until(struct laying *laying, int32_t end)
{
    end = end < laying->report->to ? end : laying->report->to;
    laying->is_laid = laying->is_laid || laying->next <= end;
    add(laying->draft, laying->report, laying->next, end);
    laying->next = end + 1 > laying->next ? end + 1 : laying->next;
}

/* Days of a known stretch that stay, behind those of the report that come first. */
static void keep_days(struct laying *laying, const struct capacity_stretch *stretch, int32_t from,
                      int32_t to)
{
    if (from <= to) {
        lay_until(laying, from - 1);
        add(laying->draft, stretch, from, to);
        laying->next = to + 1 > laying->next ? to + 1 : laying->next;
    }
}

/* Lays `report` over `known`. False when more trusted sources have spoken of all its days. */
static bool overlay(const struct draft *known, const struct capacity_stretch *report,
                    struct draft *draft)
{
    struct laying laying = {.report = report, .next = report->from, .draft = draft};

    for (size_t i = 0; i < known->count; i++) {
        const struct capacity_stretch *stretch = &known->stretches[i];
        if (stretch->source > report->source) {
            keep_days(&laying, stretch, stretch->from, stretch->to);
            continue;
        }
        int32_t before = stretch->to < report->from ? stretch->to : report->from - 1;
        int32_t after = stretch->from > report->to ? stretch->from : report->to + 1;
        keep_days(&laying, stretch, stretch->from, before);
        keep_days(&laying, stretch, after, stretch->to);
    }
    lay_until(&laying, report->to);
    return laying.is_laid;
}

static uint64_t count_units(const struct period *period, const struct draft *draft)
{
    uint64_t sum = 0;
    uint64_t days = days_in(period->from, period->to);

    for (size_t i = 0; i < draft->count; i++) {
        const struct capacity_stretch *stretch = &draft->stretches[i];
        uint64_t reported = days_in(stretch->from, stretch->to);
        ENSURE(reported <= days);
        days -= reported;
        sum = saturating_sum(sum, reported, stretch->per_day);
    }
    return saturating_sum(sum, days, period->per_day);
}

/* Field by field: padding has no meaning. */
static bool is_same(const struct capacity_reports *reports, const struct draft *draft)
{
    bool is_equal = reports->count == draft->count;

    for (size_t i = 0; is_equal && i < draft->count; i++) {
        const struct capacity_stretch *left = &reports->stretches[i];
        const struct capacity_stretch *right = &draft->stretches[i];
        is_equal = left->from == right->from && left->to == right->to &&
                   left->per_day == right->per_day && left->source == right->source;
    }
    return is_equal;
}

struct capacity_reports *capacity_take(struct offer *offer)
{
    if (offer->reports == NULL) {
        offer->reports = memory_take(1, sizeof *offer->reports);
    }
    return offer->reports;
}

void capacity_release(struct offer *offer)
{
    if (offer->reports != NULL) {
        free(offer->reports->stretches);
        free(offer->reports);
        offer->reports = NULL;
    }
}

void capacity_name_source(struct offer *offer)
{
    const struct capacity_reports *reports = offer->reports;

    offer->source = 0;
    for (size_t i = 0; reports != NULL && i < reports->count; i++) {
        uint8_t source = reports->stretches[i].source;
        offer->source = source > offer->source ? source : offer->source;
    }
    offer->source_number = offer->source == 0 ? 0 : reports->numbers[offer->source];
}

static void store(struct offer *offer, const struct draft *draft)
{
    struct capacity_reports *reports = capacity_take(offer);

    GROW(reports->stretches, reports->capacity, draft->count);
    if (draft->count > 0) {
        memcpy(reports->stretches, draft->stretches, draft->count * sizeof *draft->stretches);
    }
    reports->count = draft->count;
}

/* What `put` says, inside the period. */
static struct capacity_stretch stretch_of(const struct offer *offer, const struct period *period,
                                          const struct capacity_put *put)
{
    bool is_whole = offer->offer_kind == OFFER_STOCK;
    int64_t from = is_whole || put->from == DAY_NONE ? period->from : put->from;
    int64_t to = is_whole || put->to == DAY_NONE ? period->to : put->to;

    return (struct capacity_stretch){
        .from = (int32_t)max_i64(from, period->from),
        .to = (int32_t)min_i64(to, period->to),
        .per_day = min_u64(put->per_day, QUANTITY_MAX),
        .source = (uint8_t)put->source,
    };
}

enum outcome capacity_report(struct offer *offer, const struct capacity_put *put, int32_t today)
{
    static const struct capacity_reports none;
    const struct capacity_reports *reports = offer->reports == NULL ? &none : offer->reports;
    struct period period = period_of(offer, today);
    struct capacity_stretch report = stretch_of(offer, &period, put);
    struct draft known = {.count = 0};
    struct draft draft = {.count = 0};

    ENSURE(put->source >= SOURCE_DECLARED);
    ENSURE(put->source <= SOURCE_ADAPTER);
    if (put->number != 0 && put->number <= reports->numbers[put->source]) {
        return OUTCOME_STALE;
    }
    if (report.from > report.to) {
        return OUTCOME_UNCHANGED; /* It speaks of no day that still counts. */
    }
    clip(reports, &period, 0, &known);
    if (!overlay(&known, &report, &draft)) {
        return OUTCOME_STALE;
    }
    if (draft.count > CAPACITY_STRETCH_COUNT_MAX) {
        return OUTCOME_STATE;
    }
    uint64_t units = count_units(&period, &draft);
    if (put->number == 0 && units == offer->capacity && is_same(reports, &draft)) {
        return OUTCOME_UNCHANGED;
    }
    store(offer, &draft);
    if (put->number != 0) {
        offer->reports->numbers[put->source] = put->number;
    }
    offer->capacity = units;
    capacity_name_source(offer);
    return OUTCOME_CHANGED;
}

void capacity_renew(struct offer *offer, int32_t today, bool is_declared)
{
    struct period period = period_of(offer, today);
    struct draft draft = {.count = 0};

    if (offer->reports != NULL) {
        clip(offer->reports, &period, is_declared ? SOURCE_DECLARED : 0, &draft);
        store(offer, &draft);
    }
    offer->capacity = count_units(&period, &draft);
    capacity_name_source(offer);
}

uint64_t market_capacity_between(const struct offer *offer, int32_t from, int32_t to)
{
    if (offer->offer_kind == OFFER_STOCK) {
        return offer->capacity;
    }
    struct period period = period_of(offer, from);
    period.to = to < period.to ? to : period.to;
    uint64_t days = days_in(period.from, period.to);
    uint64_t sum = 0;
    for (size_t i = 0; offer->reports != NULL && i < offer->reports->count; i++) {
        const struct capacity_stretch *stretch = &offer->reports->stretches[i];
        uint64_t reported = days_in(stretch->from > period.from ? stretch->from : period.from,
                                    stretch->to < period.to ? stretch->to : period.to);
        days -= reported;
        sum = saturating_sum(sum, reported, stretch->per_day);
    }
    return saturating_sum(sum, days, period.per_day);
}

uint64_t market_capacity_on(const struct offer *offer, int32_t day)
{
    return market_capacity_between(offer, day, day);
}
