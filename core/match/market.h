/*
 * market.h - what is known: parties, products, needs, offers, each under a number.
 *
 * The market folds commands, in order. Numbers count from 0 in order of first arrival and
 * never change, so every stage that folds the same commands has the same numbers. A
 * command that cannot take effect changes nothing and gives its outcome.
 *
 * The market knows nothing of assignments; need and offer states here are those that
 * commands and passing days give.
 */
#ifndef CORE_MATCH_MARKET_H
#define CORE_MATCH_MARKET_H

#include "core/base/names.h"
#include "core/match/expiry.h"
#include "core/model/record.h"

#define MARKET_NEED_COUNT_MAX 16000000u
#define MARKET_OFFER_COUNT_MAX 4000000u
#define MARKET_PARTY_COUNT_MAX 4000000u
#define MARKET_PRODUCT_COUNT_MAX 65000u
#define MARKET_RULE_COUNT_MAX 4000000u
#define PRODUCT_GIVEN_MAX 17 /* A product and its 16 rules of substitutes. */
#define PRODUCT_ASKED_MAX 65 /* A product and 64 rules by which it stands in. */
#define PRODUCT_NORM_MAX 32  /* Norms of a product, also those that are over. */
#define PARTY_EXCLUSION_MAX 256

enum need_state {
    NEED_QUARANTINED = 1,
    NEED_OPEN,
    NEED_CANCELLED,
    NEED_EXPIRED, /* Its latest day has passed. */
};

enum offer_state {
    OFFER_QUARANTINED = 1,
    OFFER_ACTIVE,
    OFFER_WITHDRAWN,
    OFFER_EXPIRED, /* Its last day has passed. */
};

enum outcome { /* What became of a command. */
               OUTCOME_CREATED = 1,
               OUTCOME_CHANGED,
               OUTCOME_UNCHANGED,
               OUTCOME_QUARANTINED,
               OUTCOME_ENDED,     /* Cancelled, withdrawn. */
               OUTCOME_STALE,     /* An older capacity report than the one known. */
               OUTCOME_UNKNOWN,   /* Names something nobody knows. */
               OUTCOME_CONFLICT,  /* Would change what may not change: a need's party or product. */
               OUTCOME_STATE,     /* Not possible in the state it is in. */
               OUTCOME_FULL,      /* One rule more than a product or a party may have. */
               OUTCOME_PASSED_ON, /* Not the market's matter: answers, keys, a tick. */
};
const char *outcome_name(enum outcome outcome);
const char *need_state_name(enum need_state state);
const char *offer_state_name(enum offer_state state);

/* A point on the unit sphere in fixed point (core/match/distance.h). */
struct place {
    int32_t x, y, z;
    bool is_known;
};

/* Numbers in `texts` are equal where texts are. They say nothing else, and a restored market may
 * have others. */
struct party {
    uint32_t name;        /* Its display name, region ... in market->texts. */
    uint32_t departement; /* Number in `texts`, NAME_NONE when not given. */
    uint32_t region;
    uint32_t country;
    uint64_t roles;
    int32_t lat, lon; /* Micro-degrees, PLACE_NONE. */
    struct place place;
    uint32_t last_offer;     /* The chain of its offers, newest first; NAME_NONE at the end. */
    uint32_t last_exclusion; /* The chain of rules that keep it apart, likewise. */
};

struct number_list { /* Ascending. */
    uint32_t *items;
    size_t count;
    size_t capacity;
};

struct product {
    uint32_t family, name, unit; /* In `texts`. */
    uint64_t lot, need_max, offer_max;
    bool recyclable;
    struct number_list needs;       /* Open ones. */
    struct number_list offers;      /* Active ones. */
    struct number_list substitutes; /* Rules by which others stand in for it. */
    struct number_list stands_in;   /* Rules by which it stands in for others. */
    struct number_list norms;       /* Rules. */
};

struct need {
    uint32_t party, product;
    uint64_t quantity;
    int32_t due, latest;
    uint8_t class_number;
    uint8_t state; /* enum need_state */
};

struct offer {
    uint32_t party, product;
    uint8_t offer_kind, state;
    uint8_t source; /* The most trusted one with a report in force; 0: all is as put. */
    uint32_t lead_days;
    int32_t from, to;
    uint64_t quantity; /* As put. */
    uint64_t per_day;
    uint64_t source_number;           /* The last one of `source`. */
    uint64_t capacity;                /* Units in all, in force: one period per offer. */
    struct capacity_reports *reports; /* core/match/capacity.c; NULL before the first. */
    uint32_t previous_offer;          /* Of the same party, NAME_NONE for its first. */
};

enum rule_kind { RULE_SUBSTITUTE = 1, RULE_NORM, RULE_CERTIFICATE, RULE_EXCLUSION };

/* A dated rule (core/match/rules.h). What its kind has no use for is NAME_NONE, 0 or false. */
struct rule {
    uint8_t kind;             /* enum rule_kind */
    uint8_t class_number;     /* Norm: of this class and above. */
    bool is_revoked;          /* Certificate. */
    int32_t from, to;         /* Both included; DAY_NONE for no end. */
    uint32_t product;         /* Substitute: asked for. Norm, certificate: given. */
    uint32_t given;           /* Substitute. */
    uint32_t rank;            /* Substitute, from 1. */
    uint32_t party;           /* Certificate: who makes. Exclusion: one of the two. */
    uint32_t other;           /* Exclusion. */
    uint32_t code;            /* Norm, certificate: in `texts`, as are the next three. */
    uint32_t text;            /* Certificate: its number. Exclusion: its reason. */
    uint32_t country, region; /* Norm: where it holds. */
    uint32_t next; /* Certificate: the next older one for the same. Exclusion: of `party`. */
    uint32_t next_of_other; /* Exclusion. Both NAME_NONE at the end. */
};

struct market {
    struct names party_ids, product_ids, need_ids, offer_ids, texts;
    struct names rule_ids; /* With the kind in front: market_find_rule. */
    struct rule *rules;
    size_t rule_capacity;
    struct names rule_keys; /* Party, product and norm of certificates. */
    uint32_t *rule_heads;   /* By key: the newest certificate. */
    size_t rule_head_capacity;
    struct expiry rule_turns;          /* Last days before a rule begins or ends. */
    struct number_list affected_needs; /* Open ones, of the last command. */
    bool *is_affected;                 /* By need. */
    size_t is_affected_capacity;
    struct party *parties;
    struct product *products;
    struct need *needs;
    struct offer *offers;
    size_t party_capacity, product_capacity, need_capacity, offer_capacity;
    uint64_t now_ms;               /* Of the last tick; 0 before the first. */
    int32_t today;                 /* Of now_ms; DAY_NONE before the first tick. */
    struct candidate_index *index; /* core/match/candidates.c */
    struct expiry need_ends;       /* Latest days of live needs. */
    struct expiry offer_ends;      /* Last days of live offers. */
    struct number_list expired_needs, expired_offers; /* By the last command. */
};

struct market_change {
    enum outcome outcome;
    uint32_t number; /* Of the party, product, need, offer or rule; NAME_NONE for none. */
    /* Needs and offers that ended because their last day has passed, by day and number. Borrowed
     * until the next apply. */
    const uint32_t *expired_needs;
    size_t expired_need_count;
    const uint32_t *expired_offers;
    size_t expired_offer_count;
    /* Open needs whose matches may be others because a rule changed, began or ended; ascending. */
    const uint32_t *affected_needs;
    size_t affected_need_count;
};

void market_open(struct market **market);
void market_close(struct market *market);

/* Folds one command of `kind`. `is_quarantined`: as the gateway found. Texts are copied.
 *
 * A put of a known id changes it. What it names must be known (OUTCOME_UNKNOWN); a need or offer
 * keeps its party and product, an offer its kind (OUTCOME_CONFLICT); one that has ended stays as it
 * is (OUTCOME_STATE). New content takes the state that `is_quarantined` says, so a corrected
 * quantity ends a quarantine as an operator's release does.
 *
 * A need or offer put with its last day before today is taken in and ends at once.
 *
 * A put of a rule changes its days and what else may change; what it is about stays.
 *
 * A put or a report counts capacity anew, from today on: days that have passed by then give
 * nothing. A put that changes the units drops declared reports; more trusted ones stay in force. */
void market_apply(struct market *market, uint16_t kind, const union command *command,
                  bool is_quarantined, struct market_change *change);

/* Units of an offer in its period, as put or reported; saturates at QUANTITY_MAX. */
uint64_t market_offer_capacity(const struct offer *offer);

/* Units of one day, as put or reported; of a stock all it has, on whatever day. Of a past day as
 * long as no put or report came since. */
uint64_t market_capacity_on(const struct offer *offer, int32_t day);

/* The same of all days from `from` to `to`, both included. */
uint64_t market_capacity_between(const struct offer *offer, int32_t from, int32_t to);

/* Whether goods that the offer made before `day` may not serve everybody whom goods of `day` may: a
 * certificate or a substitution begins then, or a norm or an exclusion is over. */
bool market_chain_is_cut(const struct market *market, uint32_t offer, int32_t day);

/* Above the product's need_max or offer_max. For an offer the largest of quantity and per_day
 * counts. */
bool market_is_implausible(const struct market *market, uint16_t kind,
                           const union command *command);

/* Numbers by id, NAME_NONE when unknown. Ids by number with names_text. */
uint32_t market_find_need(const struct market *market, struct bytes id);
uint32_t market_find_offer(const struct market *market, struct bytes id);
uint32_t market_find_party(const struct market *market, struct bytes id);
uint32_t market_find_product(const struct market *market, struct bytes id);
uint32_t market_find_rule(const struct market *market, enum rule_kind kind, struct bytes id);
struct bytes market_rule_id(const struct market *market, uint32_t number);

/* The products that may be given where `asked` is asked for, itself first; and those that may be
 * asked for where `given` is given. Whatever the day. */
size_t market_given_products(const struct market *market, uint32_t asked,
                             uint32_t products[PRODUCT_GIVEN_MAX]);
size_t market_asked_products(const struct market *market, uint32_t given,
                             uint32_t products[PRODUCT_ASKED_MAX]);

/* Rows for a checkpoint: the state of one thing as bytes, and back. Restore in the order parties,
 * products, needs, offers, clock, rules, each by ascending number. */
enum market_thing {
    MARKET_PARTY = 1,
    MARKET_PRODUCT,
    MARKET_NEED,
    MARKET_OFFER,
    MARKET_CLOCK,
    MARKET_RULE,
};
void market_save(const struct market *market, enum market_thing thing, uint32_t number,
                 struct buffer *target);
MUST_USE enum status market_restore(struct market *market, enum market_thing thing, uint32_t number,
                                    struct bytes row);

#endif
