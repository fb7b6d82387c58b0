/*
 * maillon.h - the client library: submit needs, offers and answers; follow assignments.
 *
 * Ownership. The caller owns the handle of maillon_open and ends it with maillon_close. Everything
 * passed in is borrowed during the call and copied where it is needed longer. Everything
 * passed to a callback is borrowed during the callback.
 *
 * Threads. One handle, one thread. The library starts no threads of its own beyond ZeroMQ's
 * and never calls back outside maillon_process and maillon_close.
 *
 * Loops. Wait until maillon_fd is readable or maillon_timeout_ms has passed, then call
 * maillon_process. It fits poll, epoll, libuv, GLib alike.
 *
 * Promises. A submission whose answer has not come is sent again with the same id after a
 * reconnection or a time-out, and takes effect once. Events arrive in order, each once: doubles
 * are dropped, a gap is asked for again.
 *
 * Memory. What a call needs for its own arguments it asks for first, and returns MAILLON_NO_MEMORY
 * when there is none: nothing has changed then. Where memory ends inside maillon_process, or inside
 * ZeroMQ, the process stops with a message: half of a turn cannot be taken back.
 *
 * Units. Quantities are integers in the product's base unit, times milliseconds UTC since 1970,
 * positions and counts unsigned 64-bit.
 */
#ifndef MAILLON_H
#define MAILLON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default) /* The library exports what is declared here, nothing else.   \
                                      */

#define MAILLON_ID_SIZE 16
#define MAILLON_CHAIN_SIZE 32
#define MAILLON_PROBLEM_SIZE 512
#define MAILLON_WINDOW_MAX 65536 /* Submissions without an answer, at most. */

/* How a call went; also the exit codes of the maillon command. */
enum maillon_status {
    MAILLON_OK = 0,
    MAILLON_USAGE = 64, /* An argument makes no sense. */
    MAILLON_DATA = 65,  /* A body is no such message, or a field breaks its rule. */
    MAILLON_NOT_FOUND = 66,
    MAILLON_UNREACHABLE = 69, /* Nobody answered in time. */
    MAILLON_BUG = 70,
    MAILLON_NO_MEMORY = 71, /* The system has no memory, or no descriptor, left. */
    MAILLON_TRY_AGAIN = 75, /* The window is full, or the broker is: later. */
    MAILLON_VERSION = 76,   /* Another protocol version. */
    MAILLON_DENIED = 77,
    MAILLON_CONFIG = 78,   /* Endpoints or keys that cannot be used. */
    MAILLON_CONFLICT = 80, /* The id was used for something else. */
    MAILLON_GAP = 81,      /* Events before the position are no longer kept: take a snapshot. */
};

struct maillon; /* One connection to a gateway and a dispatcher. */

struct maillon_options {
    size_t size;      /* sizeof(struct maillon_options): lets fields be added. */
    const char *data; /* The data directory of a system on this machine; sets both endpoints. */
    const char
        *gateway; /* Endpoint, "ipc://..." or "tcp://host:port"; NULL: from `data`, or none. */
    const char *dispatch;   /* The same. */
    uint32_t timeout_ms;    /* Before a submission is sent again; 0 for 5,000. */
    uint32_t window;        /* Submissions without an answer; 0 for 1,024. */
    const char *key;        /* The file of the secret key to speak with; tcp endpoints need one. */
    const char *server_key; /* The server's public key, as text or as the file that holds it. */
    char *problem; /* MAILLON_PROBLEM_SIZE bytes, told why on MAILLON_CONFIG; may be NULL. */
};

enum maillon_status maillon_open(const struct maillon_options *options, struct maillon **out);

/* Submissions without an answer are called back with MAILLON_UNREACHABLE. NULL is fine. */
void maillon_close(struct maillon *connection);

int maillon_fd(const struct maillon *connection);
int maillon_timeout_ms(const struct maillon *connection); /* -1: no deadline. */

/* Does what there is to do, without waiting: sends, receives, calls back. MAILLON_DENIED when a
 * broker refused the key: close, and open again once it is registered. */
enum maillon_status maillon_process(struct maillon *connection);

/* For programs without a loop: waits on fd at most `timeout_ms` (-1: for ever), then processes. */
enum maillon_status maillon_wait(struct maillon *connection, int timeout_ms);

/* What became of one submission. */
struct maillon_answer {
    enum maillon_status status; /* MAILLON_OK: durable, `position` and `chain` are its receipt. */
    uint8_t id[MAILLON_ID_SIZE];
    uint64_t position;                 /* In the submitter's own sequence. */
    uint8_t chain[MAILLON_CHAIN_SIZE]; /* Of the journal's entry. */
    int is_quarantined;                /* Accepted, and held back until it is released. */
    const char *code;                  /* Refused: "range", "unknown", ... ; "" else. */
    const char *field;                 /* Which field; "" when none. */
    const char *why;                   /* For people. */
    uint64_t retry_after_ms;
};
typedef void (*maillon_answer_fn)(const struct maillon_answer *answer, void *user);

/* A new random submission id. */
void maillon_make_id(uint8_t id[MAILLON_ID_SIZE]);

/* Submits one command. `type` is its name ("need.put"), `body` a MessagePack map. The answer comes
 * to `answered` exactly once. MAILLON_TRY_AGAIN when the window is full: process, then again. */
enum maillon_status maillon_submit(struct maillon *connection, const char *type,
                                   const uint8_t id[MAILLON_ID_SIZE], const void *body, size_t size,
                                   maillon_answer_fn answered, void *user);

/* The same from a JSON object. MAILLON_DATA with `problem` (may be NULL, else 320 bytes) when it
 * breaks a rule: nothing was sent then. */
enum maillon_status maillon_submit_json(struct maillon *connection, const char *type,
                                        const uint8_t id[MAILLON_ID_SIZE], const char *json,
                                        maillon_answer_fn answered, void *user, char *problem);

size_t maillon_unanswered(const struct maillon *connection);

/* One event, or news of the stream. */
enum maillon_event_kind {
    MAILLON_ASSIGNMENT = 1, /* An assignment changed. */
    MAILLON_ANSWERED = 2,   /* What became of accept, decline, ship, receive or cancel. */
    MAILLON_HEAD = 3,       /* Everything up to `seq` has been delivered. No body. */
    MAILLON_RESET = 4,      /* Events from the position asked for on are no longer kept. No body. */
};
struct maillon_event {
    enum maillon_event_kind kind;
    uint64_t seq;     /* Position in the stream. Keep it: `after` of the next subscription. */
    const void *body; /* MessagePack map. */
    size_t size;
};

/* MAILLON_OK: the event is done with and acknowledged. Anything else stops the subscription: the
 * event and all after it come again with the next one. */
typedef enum maillon_status (*maillon_event_fn)(const struct maillon_event *event, void *user);

struct maillon_filter {
    size_t size;         /* sizeof(struct maillon_filter) */
    const char *party;   /* This party's own stream, with its own positions. */
    const char *product; /* The rest narrows what comes; NULL for all. */
    const char *need;
    const char *offer;
};

/* Follows the events behind position `after` (0 for all). One subscription a connection: a new one
 * replaces it. `filter` may be NULL. After a reconnection it goes on by itself behind the last
 * event done with. */
enum maillon_status maillon_subscribe(struct maillon *connection,
                                      const struct maillon_filter *filter, uint64_t after,
                                      maillon_event_fn on_event, void *user);

/* The JSON object of a MessagePack body, for printing. The caller owns `*json` (free). */
enum maillon_status maillon_to_json(const void *body, size_t size, char **json);

/* One request and its answer, for tools: type "snapshot" to the dispatcher; "submit" to the
 * gateway. `endpoint` is any broker's or role's control socket; of `options` the keys count, NULL
 * for none. The caller owns `*body` (free); `*type` has 32 bytes. */
enum maillon_status maillon_request(const char *endpoint, const struct maillon_options *options,
                                    const char *type, const void *body, size_t size, int timeout_ms,
                                    char type_out[32], void **body_out, size_t *size_out);

const char *maillon_status_name(enum maillon_status status);
const char *maillon_version(void);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
