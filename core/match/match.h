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

struct match_rules {              /* Weights of the cost, from the configuration. */
    uint32_t per_kilometre;       /* 1 */
    uint32_t other_region;        /* 200 */
    uint32_t other_country;       /* 2,000 */
    uint32_t per_day_late;        /* 500 */
    uint32_t per_substitute_rank; /* 100 */
    uint32_t not_recyclable;      /* 20 */
    uint32_t kept_max;            /* K: matches listed per need, 32 */
};
struct match_rules match_rules_default(void);
struct match_rules match_rules_from(const struct rules_put *command);

enum match_reason {
    MATCH_POSSIBLE = 0,
    MATCH_NEED_NOT_OPEN,           /* Quarantined, cancelled, expired. */
    MATCH_OFFER_NOT_ACTIVE,        /* Quarantined, withdrawn, expired. */
    MATCH_OTHER_PRODUCT,           /* And no substitute. */
    MATCH_SUBSTITUTE_NOT_IN_FORCE, /* On the day the goods are made, as with all that follow. */
    MATCH_NO_CAPACITY,             /* The offer has nothing to give. */
    MATCH_LOT_UNREACHABLE,         /* Less than a lot could be served, and not the whole need. */
    MATCH_EXCLUDED,                /* The two parties shall not deal with each other. */
    MATCH_CERTIFICATE_MISSING,
    MATCH_CERTIFICATE_REVOKED,
    MATCH_CERTIFICATE_EXPIRED,
    MATCH_CERTIFICATE_NOT_YET,
    MATCH_TOO_LATE,   /* Arrival after the need's latest day. */
    MATCH_SAME_PARTY, /* Who asks is who gives. */
};
#define MATCH_REASON_LAST MATCH_SAME_PARTY
const char *match_reason_name(enum match_reason reason);

/* What follows `reason` is set when the pair passes all rules before MATCH_TOO_LATE, else zero.
 * Goods leave `lead_days` after the day they are made on. */
struct match {
    enum match_reason reason;
    uint32_t cost; /* All terms, at most COST_MAX. */
    uint32_t kilometres;
    uint32_t days_late; /* After due. */
    bool other_region, other_country;
    bool not_recyclable; /* Where a product that may serve is. */
    uint32_t rank;       /* Of the substitute; 0 for the product itself. */
    int32_t arrival; /* Day; DAY_NONE when the offer names no first day before the first tick. */
};

/* Checks one pair, for goods made on `day`, one of the offer's that has not passed. DAY_NONE: a
 * stock without a first day, before the first tick. Cheap: some tens of nanoseconds. */
struct match match_check_on(const struct market *market, const struct match_rules *rules,
                            uint32_t need, uint32_t offer, int32_t day);

/* The pair at its best day: the first of those on which it is possible at the least cost, else its
 * first one. */
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

/* What would have to change for a pair to become possible at its best day. */
struct match_why {
    enum match_reason reason;
    uint32_t rule; /* The substitute, exclusion or norm that forbids it; NAME_NONE for none. */
    int32_t day;   /* From which day on that rule would let it pass; DAY_NONE when no day is set. */
    int32_t ended; /* The last day on which it did, DAY_NONE for none. */
    uint32_t days; /* MATCH_TOO_LATE: how many. */
    uint64_t units; /* MATCH_NO_CAPACITY, MATCH_LOT_UNREACHABLE: how many are missing. */
};
struct match_why match_why_not(const struct market *market, const struct match_rules *rules,
                               uint32_t need, uint32_t offer);

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
