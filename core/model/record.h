/*
 * record.h - what people and machines say, as plain records.
 *
 * The words are those of the glossary. Text and bytes are views into the message they
 * were read from. A field that may be missing has the value its comment names.
 * proto/ turns these records into bytes and back; core/ decides on them.
 */
#ifndef CORE_MODEL_RECORD_H
#define CORE_MODEL_RECORD_H

#include "core/base/calendar.h"

#define ID_SIZE_MAX 64                   /* Ids of parties, products, needs, offers. */
#define NAME_SIZE_MAX 200                /* Names for people. */
#define REASON_SIZE_MAX 64               /* A reason's code. */
#define SUBMISSION_ID_SIZE 16            /* Chosen by the client, unique for ever. */
#define QUANTITY_MAX ((uint64_t)1 << 50) /* Units; a sum of 8,192 still fits 63 bits. */
#define CLASS_COUNT 5                    /* 1 vital ... 5 comfort. */
#define LEAD_DAYS_MAX 3650
#define SUBSTITUTE_RANK_MAX 1000
#define NORM_CODE_SIZE_MAX 64
#define KEY_TEXT_SIZE 40     /* A public key, 32 bytes in Z85. */
#define PLACE_NONE INT32_MIN /* Latitude or longitude not given. */

enum role_bit {
    ROLE_REQUESTER = 1 << 0,
    ROLE_OFFERER = 1 << 1,
    ROLE_SUPPLIER = 1 << 2,
    ROLE_EXPERT = 1 << 3,
    ROLE_OPERATOR = 1 << 4,
    ROLE_PROCUREMENT = 1 << 5,
    ROLE_ADMIN = 1 << 6,
};

enum offer_kind {
    OFFER_STOCK = 1,   /* `quantity` units, now or from `from` on. */
    OFFER_CAPACITY = 2 /* `per_day` units on every day from `from` to `to`. */
};

enum certificate_state {
    CERTIFICATE_VALID = 1,
    CERTIFICATE_REVOKED, /* On no day. */
};

enum capacity_source { /* A later source is trusted more. */
                       SOURCE_DECLARED = 1,
                       SOURCE_OPERATOR = 2,
                       SOURCE_ADAPTER = 3,
};

/* Every command and event has a kind. Numbers are never used again. */
enum kind {
    KIND_NONE = 0,

    /* Commands: submitted by clients, journaled in the intake feed. */
    KIND_PARTY_PUT = 1,
    KIND_PRODUCT_PUT = 2,
    KIND_NEED_PUT = 3,
    KIND_NEED_CANCEL = 4,
    KIND_NEED_RELEASE = 5, /* Out of quarantine, by an operator. */
    KIND_OFFER_PUT = 6,
    KIND_OFFER_WITHDRAW = 7,
    KIND_OFFER_RELEASE = 8,
    KIND_CAPACITY_PUT = 9,
    KIND_ASSIGNMENT_ACCEPT = 10,
    KIND_ASSIGNMENT_DECLINE = 11,
    KIND_ASSIGNMENT_SHIP = 12,
    KIND_ASSIGNMENT_RECEIVE = 13,
    KIND_ASSIGNMENT_CANCEL = 14,
    KIND_TICK = 15,      /* Made by the gateway; nobody may submit it. */
    KIND_RULES_PUT = 16, /* The same: the weights it was configured with. */
    KIND_SUBSTITUTE_PUT = 17,
    KIND_NORM_PUT = 18,
    KIND_CERTIFICATE_PUT = 19,
    KIND_EXCLUSION_PUT = 20,
    KIND_KEY_REGISTER = 21,
    KIND_KEY_CONFIRM = 22,
    KIND_KEY_ROTATE = 23,
    KIND_KEY_REVOKE = 24,

    /* Feed entries. */

    KIND_NOTED = 33,      /* match: one command, and what became of it. */
    KIND_MATCHES = 34,    /* match: needs that an offer could serve. */
    KIND_ASSIGNMENT = 35, /* allocate, dispatch: an assignment changed. */
    KIND_ANSWER = 36,     /* allocate, dispatch: what became of a person's answer. */
    KIND_LISTED = 37,     /* match: a need's best matches anew, after a rule changed. */
};

#define KIND_COMMAND_FIRST KIND_PARTY_PUT
#define KIND_COMMAND_LAST KIND_KEY_REVOKE

struct party_put {
    struct bytes party; /* Id. */
    struct bytes name;
    uint64_t roles;           /* enum role_bit, at least one. */
    struct bytes departement; /* INSEE code as text, empty when not given. */
    struct bytes region;      /* Empty when not given. */
    struct bytes country;     /* ISO 3166-1 alpha-2, "FR" when not given. */
    int64_t lat;              /* Micro-degrees, PLACE_NONE when not given. */
    int64_t lon;
};

struct product_put {
    struct bytes product; /* Id. */
    struct bytes family;
    struct bytes name;
    struct bytes unit;
    uint64_t lot;       /* Units, at least 1; 1 when not given. */
    uint64_t need_max;  /* A need above it is quarantined; 0 = no limit. */
    uint64_t offer_max; /* The same for an offer. */
    bool recyclable;    /* True when not given. */
};

struct need_put {
    struct bytes need;  /* Id. */
    struct bytes party; /* Who asks. */
    struct bytes product;
    uint64_t quantity;     /* Units, 1 to QUANTITY_MAX. */
    uint64_t class_number; /* 1 to CLASS_COUNT. */
    int64_t due;           /* Day, DAY_NONE when as soon as possible. */
    int64_t latest;        /* Day, DAY_NONE when never too late. */
    uint64_t at;           /* When it arose, TIME_NONE when not given. */
};

struct offer_put {
    struct bytes offer; /* Id. */
    struct bytes party; /* Who gives. */
    struct bytes product;
    uint64_t offer_kind; /* enum offer_kind. */
    uint64_t quantity;   /* Units of a stock; 0 for a capacity. */
    uint64_t per_day;    /* Units a day of a capacity; 0 for a stock. */
    int64_t from;        /* First day, DAY_NONE when at once. */
    int64_t to;          /* Last day, DAY_NONE when without end. A capacity needs both. */
    uint64_t lead_days;  /* From production to dispatch. */
    uint64_t at;
};

/* A later, or better sourced, report about what an offer can give. */
struct capacity_put {
    struct bytes offer;
    int64_t from; /* First day it speaks of; DAY_NONE for all days of the offer. */
    int64_t to;
    uint64_t per_day; /* Units a day; for a stock the units in all. */
    uint64_t source;  /* enum capacity_source, SOURCE_DECLARED when not given. */
    uint64_t number;  /* The source's own counter: an older one never overwrites. 0 = none. */
    uint64_t at;
};

/* Names one thing: need.cancel, need.release, offer.withdraw, offer.release. */
struct id_command {
    struct bytes id;
    struct bytes reason; /* A code, empty when not given (release). */
};

/* accept, decline, ship, receive, cancel. */
struct assignment_command {
    uint64_t assignment; /* Its number. */
    struct bytes party;  /* Who answers: one of its two parties. */
    struct bytes reason; /* Mandatory for decline and cancel, else empty. */
};

/* Rules of design 5.1 as data. A put of a known id replaces its days and what else may change; what
 * it is about stays. Days not given have no end on that side; both are included. */
struct substitute_put {
    struct bytes substitute; /* Id. */
    struct bytes product;    /* What is asked for. */
    struct bytes given;      /* What may stand in, unit for unit. */
    uint64_t rank;           /* 1 for the best one. */
    int64_t from;
    int64_t to;
};

/* Goods of this product carry a certificate for the norm on the day they are made. */
struct norm_put {
    struct bytes norm;    /* Id of this rule. */
    struct bytes product; /* What is given. */
    struct bytes code;    /* The norm's own name, "EN 14683". */
    struct bytes country; /* Only for requesters there; empty for all. */
    struct bytes region;
    uint64_t class_number; /* For needs of this class and above it; CLASS_COUNT for all. */
    int64_t from;
    int64_t to;
};

struct certificate_put {
    struct bytes certificate; /* Id. */
    struct bytes party;       /* Who makes. */
    struct bytes product;
    struct bytes code;   /* Of the norm. */
    struct bytes number; /* What its issuer wrote on it; empty when not given. */
    uint64_t state;      /* enum certificate_state */
    int64_t from;
    int64_t to;
};

/* Two parties that shall not deal with each other, either way. */
struct exclusion_put {
    struct bytes exclusion; /* Id. */
    struct bytes party;
    struct bytes other;
    struct bytes reason; /* A code. */
    int64_t from;
    int64_t to;
};

/* Public keys and who speaks with them (core/access/registry.h). */
struct key_register {
    struct bytes key; /* KEY_TEXT_SIZE characters. */
    struct bytes party;
    uint64_t roles; /* enum role_bit, at least one. */
    uint64_t from;  /* Valid from, TIME_NONE for at once; */
    uint64_t to;    /* and before, TIME_NONE for without end. */
};

struct key_confirm {
    struct bytes key;
};

struct key_rotate {
    struct bytes key;
    struct bytes next; /* Takes its place at once, for the same party, roles and time. */
    uint64_t until;    /* The old one is valid before this time too, if it was. */
};

struct key_revoke {
    struct bytes key;
    struct bytes reason; /* A code, empty when not given. */
};

struct tick {
    uint64_t now; /* Milliseconds since 1970: the time that workers decide by. */
};

/* What the decision weighs by (design 5.1, 5.2). In the journal, so that another configuration
 * is an event like any other and replay stays exact. */
struct rules_put {
    uint64_t per_kilometre;
    uint64_t other_region;
    uint64_t other_country;
    uint64_t per_day_late;
    uint64_t per_substitute_rank;
    uint64_t not_recyclable;                  /* Where a recyclable product could serve. */
    uint64_t stability_bonus;                 /* What is told moves only for more, a unit. */
    uint64_t kept_max;                        /* Matches listed per need. */
    uint64_t tranche_1, tranche_2, tranche_3; /* Lots; 0 ends the tranches. */
};

/* Any command, by its kind. */
union command {
    struct rules_put rules_put;
    struct party_put party_put;
    struct product_put product_put;
    struct need_put need_put;
    struct offer_put offer_put;
    struct capacity_put capacity_put;
    struct substitute_put substitute_put;
    struct norm_put norm_put;
    struct certificate_put certificate_put;
    struct exclusion_put exclusion_put;
    struct id_command id_command;
    struct assignment_command assignment;
    struct key_register key_register;
    struct key_confirm key_confirm;
    struct key_rotate key_rotate;
    struct key_revoke key_revoke;
    struct tick tick;
};

enum assignment_state {
    ASSIGNMENT_PROPOSED = 1,
    ASSIGNMENT_ACCEPTED,  /* By one side. */
    ASSIGNMENT_COMMITTED, /* By both: the plan never moves it. */
    ASSIGNMENT_SHIPPED,
    ASSIGNMENT_RECEIVED,   /* Final. */
    ASSIGNMENT_DECLINED,   /* Final. */
    ASSIGNMENT_SUPERSEDED, /* Final: the plan moved it. */
    ASSIGNMENT_CANCELLED,  /* Final. */
};

/* An assignment as allocate tells it and clients see it. */
struct assignment_event {
    struct bytes type;   /* "t": "assignment" for clients, empty inside allocate's feed. */
    uint64_t seq;        /* Position in the stream it is read from; 0 inside the feed. */
    uint64_t assignment; /* Number. */
    uint64_t state;      /* enum assignment_state. */
    struct bytes need;
    struct bytes offer;
    struct bytes product;   /* Asked for. */
    struct bytes given;     /* What stands in for it; empty for the product itself. */
    struct bytes requester; /* Party ids. */
    struct bytes offerer;
    uint64_t quantity; /* Units now; of a final state, the units it had. */
    uint64_t before;   /* Units before this event; 0 when new. */
    uint64_t class_number;
    uint64_t cost;       /* Per unit, design 5.1. */
    uint64_t kilometres; /* Part of the cost. */
    int64_t arrival;     /* Day, DAY_NONE when as soon as possible. */
    struct bytes reason; /* Closed list: see core/life. */
    uint64_t cause;      /* The match entry it was decided on. */
    uint64_t at;         /* Time of that entry. */
};

/* What became of accept, decline, ship, receive or cancel. */
struct answer_event {
    struct bytes type; /* "t": "answer" for clients. */
    uint64_t seq;
    struct bytes id; /* Submission id. */
    uint64_t assignment;
    bool done;
    struct bytes code; /* "done", or why not: "unknown" (nor yours), "state", "range". */
    struct bytes why;  /* For people, empty when done. */
    uint64_t cause;
    uint64_t at;
};

#endif
