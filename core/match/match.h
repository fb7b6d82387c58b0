/*
 * match.h - who could serve what, at which cost, and why not.
 *
 * A match exists between an open need and an active offer when every rule holds (design
 * 5.1). The first rule that fails names the reason. Costs are integers per unit.
 */
#ifndef CORE_MATCH_MATCH_H
#define CORE_MATCH_MATCH_H

#include "core/match/market.h"

#define COST_MAX ((1u << 20) - 1) /* A sum beyond it counts as this. */
#define KILOMETRES_UNKNOWN 500    /* When a place is not given. */
#define KILOMETRES_A_DAY 600      /* Transport days = kilometres / this, rounded up. */
#define KILOMETRES_NEAR 150       /* Below it goods arrive on the day they leave. */

#define MATCH_KEPT_MAX 256 /* The largest K. */

struct match_rules {        /* Weights of the cost, from the configuration. */
    uint32_t per_kilometre; /* 1 */
    uint32_t other_region;  /* 200 */
    uint32_t other_country; /* 2,000 */
    uint32_t per_day_late;  /* 500 */
    uint32_t kept_max;      /* K: matches listed per need, 32 */
};
struct match_rules match_rules_default(void);
struct match_rules match_rules_from(const struct rules_put *command);

enum match_reason {
    MATCH_POSSIBLE = 0,
    MATCH_NEED_NOT_OPEN,    /* Quarantined, cancelled, expired. */
    MATCH_OFFER_NOT_ACTIVE, /* Quarantined, withdrawn, expired. */
    MATCH_OTHER_PRODUCT,
    MATCH_NO_CAPACITY,     /* The offer has nothing to give. */
    MATCH_LOT_UNREACHABLE, /* Less than a lot could be served, and not the whole need. */
    MATCH_TOO_LATE,        /* Arrival after the need's latest day. */
    MATCH_SAME_PARTY,      /* Who asks is who gives. */
};
const char *match_reason_name(enum match_reason reason);

/* What follows `reason` is set when the pair passes all rules before MATCH_TOO_LATE, else zero.
 * Goods leave `lead_days` after the day they are made on. */
struct match {
    enum match_reason reason;
    uint32_t cost; /* All terms, at most COST_MAX. */
    uint32_t kilometres;
    uint32_t days_late; /* After due. */
    bool other_region, other_country;
    int32_t arrival; /* Day; DAY_NONE when the offer names no first day before the first tick. */
};

/* Checks one pair, for goods made on `day`, one of the offer's that has not passed. DAY_NONE: a
 * stock without a first day, before the first tick. Cheap: some tens of nanoseconds. */
struct match match_check_on(const struct market *market, const struct match_rules *rules,
                            uint32_t need, uint32_t offer, int32_t day);

/* The pair at its best day: the first one on which it is possible, else its first one. */
struct match match_check(const struct market *market, const struct match_rules *rules,
                         uint32_t need, uint32_t offer);

/* The first day on which the offer can still give something: its own first day, or today when that
 * is later; DAY_NONE when there is neither. */
int32_t match_first_day(const struct market *market, uint32_t offer);

/* Up to which days goods must be made to come when the need is due, and at the latest; DAY_MAX when
 * no day is too late. Says nothing about the other rules. */
struct match_days {
    int32_t on_time, latest;
};
struct match_days match_days(const struct market *market, uint32_t need, uint32_t offer);

struct candidate {
    uint32_t offer;
    uint32_t cost;
};

/* The `kept_max` best offers for a need, ascending by (cost, offer number), into `candidates`.
 * `*bound`: the least cost of a possible offer that is not among them (UINT32_MAX when all
 * are). */
size_t match_candidates(const struct market *market, const struct match_rules *rules, uint32_t need,
                        struct candidate *candidates, uint32_t *bound);

#endif
