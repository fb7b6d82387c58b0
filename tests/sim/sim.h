/*
 * sim.h - one simulated system: its roles and clients, their network and disks, one clock, one
 * queue of what will happen.
 *
 * Everything runs in one thread. The roles, their stage and the client library are the real ones;
 * under them lie these tables instead of a loop, sockets and a disk. A run is decided by its
 * scenario alone.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "core/model/record.h"
#include "node/watch.h"
#include "node/clock.h"
#include "node/stage.h"
#include "tests/sim/faults.h"
#include "tests/sim/queue.h"
#include "tests/sim/storage.h"

#define CLIENT_COUNT_MAX 12
#define LINK_COUNT (CLIENT_COUNT_MAX * 2)
#define PROBLEM_SIZE 300
#define START_MS 1600000000000u /* The clock at the beginning. */

enum node_number { NODE_GATEWAY, NODE_MATCH, NODE_ALLOCATE, NODE_DISPATCH, NODE_COUNT };

#define ACTOR_COUNT (NODE_COUNT + CLIENT_COUNT_MAX) /* Who may send to whom: nodes, clients. */

struct sim;
struct client;
struct link;
struct oracle;
struct work;

/* Packets that wait, first in, first out. Zero is empty. */
struct packets {
    struct packet_place {
        struct packet *packet;
    } * items;
    size_t count, capacity;
};

/* The client that speaks with a key, and its key. */
#define SIM_ADMIN_CLIENT 1
#define SIM_ADMIN_KEY "simsimsimsimsimsimsimsimsimsimsimsimsim1"
#define SIM_ADMIN_PARTY "admin"

/* What differs from run to run besides faults. */
struct knobs {
    uint32_t client_count, party_count, product_count;
    uint32_t command_count; /* Of each client. */
    uint32_t burst_max;     /* Commands that a client sends at once. */
    uint32_t think_us;      /* Between two of its acts. */
    uint32_t window;        /* Of its connection. */
    uint32_t timeout_ms;
    uint32_t latency_us_min, latency_us_max;
    uint32_t commit_us_min, commit_us_max;
    uint32_t queue_max; /* Messages that wait for one client. */
    uint32_t checkpoint_entries[NODE_COUNT];
    uint64_t keep_entries; /* Of dispatch; 0 for all. */
    uint32_t clients_max, credit_max, head_ms;
    uint32_t tick_ms;
    uint64_t ids_max;
    struct rules_put rules;
    uint64_t calm_us;    /* When faults end. */
    bool has_slow_steps; /* Work takes time. */
};

struct node {
    struct sim *sim;
    enum node_number number;
    struct world world;
    struct storage storage;
    void *state; /* The role's, NULL while it is down. */
    struct stage *stage;
    struct watch watch; /* Of the dispatcher. */
    uint64_t life;      /* Counts starts and ends: what was said to an earlier life lapses. */
    uint64_t paused_us;
    struct clock clock;
    uint64_t clock_offset_ms; /* What the system's clock was set ahead by. */
    uint64_t busy_us;         /* What the step under way has taken so far. */
    uint64_t wake_ms;
    struct batch *pending;
    enum fault commit_fault; /* What becomes of it, FAULT_COUNT for nothing. */
    struct packets inbox;    /* Clients' messages that wait for room. */
    uint64_t published_us;
    uint64_t low_until_us; /* The disk is below the floor so long. */
    bool was_live;         /* In this life. */
    bool is_stopping;
    bool is_over;    /* It said that it cannot go on. */
    bool is_excused; /* ... which a fault explains. */
    bool fell_back;  /* Its journal was an older one at the last start. */
    bool is_damaged; /* It found its journal damaged and waits for an operator. */
    uint64_t write_count;
    struct role program;      /* The role, in the version that runs. */
    uint8_t version_written;  /* The newest one that wrote to its journal. */
    struct storage *original; /* Put aside while a twin runs over a copy, else NULL. */
    uint64_t twin_from;       /* The entry by which the copy must have become another feed. */
    uint64_t twin_end_us;     /* When the last one ended, 0 for none. */
};

struct figures {
    uint64_t events[EVENT_KIND_COUNT];
    uint64_t crashes, starts, commits, entries, submissions, answers, deliveries, audits;
    uint64_t simulated_us; /* Virtual time of all runs. */
};

/* What each long run must have met at least once. */
enum situation {
    SEEN_REPEATED,         /* A submission came again, and got its first answer. */
    SEEN_REPEATED_RESTART, /* The same after a restart of the gateway. */
    SEEN_CONFLICT,         /* One id for two commands. */
    SEEN_FULL,             /* Intake was refused as full. */
    SEEN_QUARANTINED,      /* Something implausible waited. */
    SEEN_RELEASED,         /* An operator let it in. */
    SEEN_NEED_EXPIRED,
    SEEN_OFFER_EXPIRED,
    SEEN_CAPACITY_DROP,
    SEEN_ACCEPTED,
    SEEN_COMMITTED,
    SEEN_SHIPPED,
    SEEN_RECEIVED,
    SEEN_DECLINED,
    SEEN_SUPERSEDED,
    SEEN_CANCELLED,      /* A commitment that could not be kept. */
    SEEN_ANSWER_REFUSED, /* A person's answer that its assignment did not allow. */
    SEEN_RULES,          /* Other weights while there were needs. */
    SEEN_CHECKPOINT,
    SEEN_RECOVERY,         /* A worker stepped entries again behind a checkpoint. */
    SEEN_REPLAY,           /* A gap in a feed was asked for. */
    SEEN_TRIMMED,          /* Own entries were forgotten. */
    SEEN_RESET_OLD,        /* A cursor behind what is kept. */
    SEEN_RESET_FUTURE,     /* A cursor beyond the end. */
    SEEN_BLOCKED,          /* A client's queue was full. */
    SEEN_SUBSCRIBER_LIMIT, /* A subscription too many. */
    SEEN_STREAM_RESUMED,   /* A stream went on behind the last event after a break. */
    SEEN_DAMAGE_FOUND,     /* A flipped bit was found, and not handed out. */
    SEEN_TAIL_MADE_ANEW,   /* A lost tail was decided again, the same. */
    SEEN_UNKNOWN_OUTCOME,  /* A commit that failed had been durable. */
    SEEN_COMPLETED,        /* An assignment smaller than a lot, of a need that it completes. */
    SEEN_LOT,              /* An assignment of a product that is not shipped one by one. */
    SEEN_SUBSTITUTE,       /* A product stood in for another one. */
    SEEN_CERTIFIED,        /* Something was given that a norm asks a certificate for. */
    SEEN_KEY_CONFIRMED,    /* A second admin confirmed a key. */
    SEEN_KEY_ROTATED,
    SEEN_DOUBTED,         /* A commitment that rules forbid, or allow again, was told. */
    SEEN_ID_TWICE,        /* Two gateways took one id in. */
    SEEN_BRANCH,          /* ... and match noticed that their feeds are not one. */
    SEEN_OLDER_READ,      /* A program started behind entries of an older version. */
    SEEN_NEWER_REFUSED,   /* One stopped in front of what a newer version wrote. */
    SEEN_CURSOR_OF_OTHER, /* A client came with the position of another one. */
    SITUATION_COUNT,
};
extern const char *const SITUATION_NAMES[SITUATION_COUNT];

struct sim {
    const struct scenario *scenario;
    struct knobs knobs;
    struct faults faults;
    struct queue queue;
    uint64_t now_us;
    struct draw network_draw, storage_draw, work_draw, client_draw;
    struct node nodes[NODE_COUNT];
    struct client *clients[CLIENT_COUNT_MAX];
    struct link *links[LINK_COUNT];
    uint64_t connection_count; /* Ever made: each has a peer number of its own. */
    uint64_t cut_until_us[ACTOR_COUNT][ACTOR_COUNT];
    uint64_t last_us[ACTOR_COUNT][ACTOR_COUNT]; /* What came in order came last. */
    struct work *work;
    struct oracle *oracle;
    struct figures *figures;
    uint64_t *seen; /* By enum situation. */
    uint64_t trace; /* The hash of everything that happened. */
    uint64_t event_count;
    bool is_tracing; /* To standard output. */
    char problem[PROBLEM_SIZE];
};

/* The only run under way. The library's link_open knows nothing else to connect to. */
extern struct sim *sim_running;

/* Ends the run: a promise is broken. */
_Noreturn void sim_violated(struct sim *sim, const char *format, ...) PRINTF_LIKE(2, 3);

void sim_push(struct sim *sim, uint64_t after_us, struct happening event);
void sim_mix(struct sim *sim, uint64_t value); /* Into the trace. */
void sim_seen(struct sim *sim, enum situation situation);

/* Weights as a configuration may have them. */
struct rules_put sim_draw_rules(struct draw *draw);

/* --- node.c: roles ------------------------------------------------------------------- */

void node_init(struct sim *sim, enum node_number number);
void node_deinit(struct node *node);
void node_start(struct node *node);
void node_end(struct node *node, uint64_t down_us); /* At once, as a crash does. */
bool node_is_up(const struct node *node);
uint64_t node_cursor(const struct node *node); /* Upstream entries taken in, durably. */

/* A role's state by itself, which the caller owns. */
void *node_role_open(enum node_number number, const struct knobs *knobs);
void node_role_close(enum node_number number, void *state);

void node_handle(struct node *node, const struct happening *event);

/* True while the role stands still: the event has to wait. */
bool node_defers(const struct node *node, const struct happening *event);

/* --- twin.c: a second gateway over a copy of the journal ------------------------------- */

void twin_begin(struct sim *sim, struct draw *draw); /* When a copy may do it. */
void twin_end(struct sim *sim);
void twin_forget(struct node *gateway); /* While it is down. */
bool twin_runs(const struct node *node);
bool twin_may_be_heard(const struct node *node); /* Or its messages still. */
void twin_wrote(struct node *gateway);           /* The pending batch became durable; may end it. */

/* --- faulty.c: what comes by itself -------------------------------------------------- */

void faulty_plan(struct sim *sim);
void faulty_strike(struct sim *sim, enum fault fault);
void faulty_end(struct sim *sim); /* Everything heals. */

/* --- client.c: programs that use the library ----------------------------------------- */

void client_open(struct sim *sim, uint32_t number);
uint32_t client_number(const struct client *client);
void client_close(struct sim *sim, uint32_t number);
void client_handle(struct client *client, const struct happening *event);
void client_crash(struct client *client);
void client_silence(struct client *client, uint64_t duration_us);
void client_wake(struct client *client, uint64_t after_us); /* To process its connection. */

/* What a client still has to say or hear, NULL when that is nothing. */
const char *client_is_busy_with(const struct client *client);

/* --- link.c: the library's sockets --------------------------------------------------- */

void link_handle(struct sim *sim, const struct happening *event);
void link_break(struct sim *sim, uint32_t number, uint64_t again_us);
void link_break_all(struct sim *sim, enum node_number node);
struct link *link_of_peer(struct sim *sim, uint64_t peer); /* NULL when it is gone. */
bool link_has_room(const struct link *link);
void link_count_sent(struct link *link);
uint32_t link_client(const struct link *link);
uint32_t link_client_of_peer(uint64_t peer); /* Also of a connection that is over. */

/* --- run.c --------------------------------------------------------------------------- */

/* Runs a scenario. False when a promise was broken: `problem` says which. Adds to `figures` and
 * `seen`; `trace` is the run's hash. */
struct outcome_of_run {
    bool is_good;
    char problem[PROBLEM_SIZE];
    uint64_t trace, event_count, strike_count, simulated_us;
    uint64_t fault_counts[FAULT_COUNT];
};
void run_scenario(const struct scenario *scenario, bool is_tracing, struct figures *figures,
                  uint64_t *seen, struct outcome_of_run *outcome);

#endif
