/*
 * messages.h - the records of messages that are not commands, and every message's table.
 *
 * Two frames travel between a client and a broker: a header and a body. What a command
 * says is in core/model/record.h; here is what carries it and what comes back.
 */
#ifndef PROTO_MESSAGES_H
#define PROTO_MESSAGES_H

#include "core/model/record.h"
#include "proto/proto.h"

#define COMMANDS_PER_SUBMIT_MAX 256
#define COMMAND_SIZE_MAX 2000          /* Bytes of one command's body. */
#define MESSAGE_SIZE_MAX (1024 * 1024) /* Bytes of one frame. */
#define EVENTS_PER_MESSAGE_MAX 256
#define REQUEST_ID_SIZE_MAX 16
#define CHAIN_SIZE 32

/* First frame of every message. */
struct header {
    uint64_t version;  /* "v": PROTO_VERSION */
    struct bytes type; /* "t": a message's name */
    struct bytes id;   /* Chosen by who asks; the answer repeats it. May be empty. */
};

/* client -> gateway: "submit" */
struct submission {
    struct bytes id;   /* SUBMISSION_ID_SIZE bytes: the same id takes effect once. */
    struct bytes type; /* "t": "need.put" ... */
    struct bytes body; /* RAW: the command's map. */
};
struct submit {
    struct record_list commands; /* of struct submission, 1 to COMMANDS_PER_SUBMIT_MAX */
};

/* gateway -> client: "answers", one result a command in the order of the submit, after the commit.
 */
struct result {
    struct bytes id;
    bool accepted;
    uint64_t position;  /* In the submitter's own sequence, from 1; 0 when refused. */
    struct bytes chain; /* CHAIN_SIZE bytes when accepted: the receipt. */
    bool quarantined;   /* Accepted, and held back until it is released; `why` tells why. */
    struct bytes code;  /* Refused: see refusal codes. */
    struct bytes field;
    struct bytes why;
    uint64_t retry_after_ms; /* 0: the same command will be refused again. */
};
struct answers {
    struct record_list results; /* of struct result */
};

/* either broker -> client: "refused", for a message that as a whole cannot be served. */
struct refused {
    struct bytes code;
    struct bytes field;
    struct bytes why;
    uint64_t retry_after_ms;
};

/* client -> dispatch: "subscribe". One subscription a connection; a new one replaces it. */
struct subscribe {
    uint64_t after;       /* Events behind this position; 0 for all. */
    uint64_t credit;      /* Events that may be sent before more credit comes. */
    struct bytes party;   /* Not empty: this party's own stream, with its own positions. */
    struct bytes product; /* The rest narrows what is sent, positions stay the stream's. */
    struct bytes need;
    struct bytes offer;
    uint64_t states; /* Bits 1 << enum assignment_state; 0 for all. */
};

/* client -> dispatch: "credit" */
struct credit {
    uint64_t n;   /* This many events more. */
    uint64_t ack; /* Everything up to this position is done with. */
};

/* dispatch -> client: "event". Each item is a map with "t" ("assignment" or "answer") in front of
 * the fields of struct assignment_event or struct answer_event. */
struct event {
    uint64_t last;             /* The stream's last position when this was sent. */
    struct record_list events; /* of struct raw_item */
};
struct raw_item {
    struct bytes value; /* RAW */
};

/* dispatch -> client: "head", when the client has all there is and then every few seconds. */
struct stream_head {
    uint64_t seq;    /* The last position of the stream. */
    uint64_t oldest; /* The first one still kept. */
};

/* dispatch -> client: "reset": `after` lies before what is kept, or beyond the end. Take a
 * snapshot. */
struct reset {
    uint64_t oldest;
    uint64_t last;
    struct bytes why;
};

/* client -> dispatch: "snapshot", answered by "rows". Ask again with `next` until it is 0. */
struct snapshot {
    uint64_t from;       /* Assignment number to start at; 0 for the first. */
    uint64_t limit;      /* Rows; 0 for as many as fit. */
    uint64_t assignment; /* Not 0: this one alone. */
    struct bytes party;
    struct bytes product;
    struct bytes need;
    struct bytes offer;
    uint64_t states;
};
struct rows {
    uint64_t seq;            /* The stream's position that the rows stand for. */
    uint64_t next;           /* 0 after the last row. */
    struct record_list rows; /* of struct raw_item */
};

/* Between stages and for operators, on a role's control socket. */
struct replay { /* "replay", answered by "entries" */
    uint64_t from;
    uint64_t size_max; /* Bytes. */
};
struct entries {
    uint64_t epoch;
    uint64_t oldest;
    uint64_t last;
    struct bytes data; /* Entries in stored form, may be empty. */
};
struct feed_head { /* Published by an idle feed. */
    uint64_t epoch;
    uint64_t oldest;
    uint64_t last;
};
struct status_request { /* "status", answered by "report" */
    bool ping;
};
struct counter {
    struct bytes name;
    uint64_t value;
};
struct report {
    struct bytes role;
    bool ready;
    struct bytes state; /* "recovering", "live", "stopping" */
    uint64_t pid;
    uint64_t last;               /* Of the own feed. */
    uint64_t cursor;             /* In the (first) upstream feed. */
    uint64_t lag;                /* Upstream entries known of and not taken in. */
    struct record_list counters; /* of struct counter */
};
struct lookup {         /* "lookup" to allocate, answered by "rows": one map each */
    struct bytes what;  /* "need", "offer", "party", "product", "substitute", ... */
    struct bytes id;    /* Not empty: this one alone. */
    struct bytes party; /* Narrow. */
    struct bytes product;
    struct bytes state;
    uint64_t from;
    uint64_t limit;
};
struct explain {         /* "explain" to allocate, answered by "explanation" */
    struct bytes need;   /* Either a need ... */
    uint64_t assignment; /* ... or an assignment. */
    struct bytes offer;  /* With a need: why, or why not, this offer. */
};
struct explanation {
    struct bytes body; /* RAW: a map, see docs/protocol.md */
};

#define BY_LOCAL "local"     /* Who speaks on a local socket. */
#define BY_GATEWAY "gateway" /* What the gateway itself has to say. */

/* A row about a key, for "lookup" with "what": "key". */
struct key_row {
    uint64_t number;
    struct bytes key;
    struct bytes party;
    uint64_t roles;
    struct bytes state; /* "pending", "active", "revoked" */
    uint64_t from, to;
    struct bytes next; /* What it was rotated to. */
};

/* Bodies of feed entries. */
struct intake {        /* Every entry of the intake feed; its kind is the command's. */
    struct bytes id;   /* Submission id; empty for a tick. */
    struct bytes by;   /* Party that submitted, "local" or "gateway". */
    uint64_t key;      /* Number of its key (core/access/registry.h), 0 for none. */
    uint64_t position; /* "n": in the submitter's sequence. */
    bool quarantined;  /* "q" */
    struct bytes body; /* RAW: as the client sent it. */
};
struct noted {                /* KIND_NOTED, one for each intake entry. */
    uint64_t kind;            /* "k": of the command. */
    struct bytes id;          /* Submission id. */
    bool quarantined;         /* "q" */
    struct bytes outcome;     /* "s": what became of it, a word of core/match/market.h. */
    uint64_t number;          /* Of the party, product, need or offer in arrival order. */
    uint64_t bound;           /* A need's matches of less cost are all listed or follow. */
    struct uint_list matches; /* "m": offer number, cost, offer number, cost, ... */
    struct bytes body;        /* RAW: the command. */
};
struct listed { /* KIND_LISTED: behind the noted entry that made it necessary. */
    uint64_t need;
    uint64_t bound;           /* As in struct noted. */
    struct uint_list matches; /* "m": offer number, cost, ... */
};
struct matches { /* KIND_MATCHES: needs that an offer could serve, among their best. */
    uint64_t offer;
    struct uint_list needs; /* "m": need number, cost, the need's bound, ... */
};

extern const struct message HEADER, SUBMIT, ANSWERS, REFUSED, SUBSCRIBE, CREDIT, EVENT, STREAM_HEAD,
    RESET, SNAPSHOT, ROWS, REPLAY, ENTRIES, FEED_HEAD, STATUS, REPORT, LOOKUP, EXPLAIN, EXPLANATION,
    INTAKE, NOTED, MATCHES, LISTED, SUBMISSION, RESULT, RAW_ITEM, COUNTER, KEY_ROW;
extern const struct message PARTY_PUT, PRODUCT_PUT, NEED_PUT, NEED_CANCEL, NEED_RELEASE, OFFER_PUT,
    OFFER_WITHDRAW, OFFER_RELEASE, CAPACITY_PUT, ASSIGNMENT_ACCEPT, ASSIGNMENT_DECLINE,
    ASSIGNMENT_SHIP, ASSIGNMENT_RECEIVE, ASSIGNMENT_CANCEL, SUBSTITUTE_PUT, NORM_PUT,
    CERTIFICATE_PUT, EXCLUSION_PUT, KEY_REGISTER, KEY_CONFIRM, KEY_ROTATE, KEY_REVOKE, TICK,
    RULES_PUT, ASSIGNMENT, ANSWER;

/* The table of a command or event kind, NULL when it has none. */
const struct message *message_by_kind(uint16_t kind);
/* The table of a *command* name that clients may submit, NULL else. */
const struct message *message_by_name(struct bytes name);
extern const struct choice ROLE_CHOICES[];      /* enum role_bit by name. */
extern const struct choice ASSIGNMENT_STATES[]; /* enum assignment_state by name. */
const char *assignment_state_name(enum assignment_state state);
const char *field_type_name(enum field_type type);

/* Refusal codes (struct refusal, struct result, struct refused). */
#define CODE_MALFORMED "malformed" /* Bytes that are no such message. */
#define CODE_MISSING "missing"     /* A required field is not there. */
#define CODE_TYPE "type"           /* A field has the wrong type. */
#define CODE_RANGE "range"         /* A field is out of its bounds. */
#define CODE_TOO_LARGE "too_large" /* A body or list is beyond its limit. */
#define CODE_UNKNOWN "unknown"     /* A reference, message or key nobody knows. */
#define CODE_CONFLICT "conflict"   /* The id was used for something else. */
#define CODE_STATE "state"         /* Not possible in the state it is in. */
#define CODE_DENIED "denied"       /* Not allowed to this party. */
#define CODE_VERSION "version"     /* Another protocol version. */
#define CODE_FULL "full"           /* No room now; retry_after_ms says when to ask again. */

#endif
