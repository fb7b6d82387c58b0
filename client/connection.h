/*
 * connection.h - what a connection is made of: submissions to the gateway, the stream from the
 * dispatcher, and what both need. Only the library and its tests include it.
 */
#ifndef CLIENT_CONNECTION_H
#define CLIENT_CONNECTION_H

#include "client/credentials.h"
#include "client/link.h"
#include "client/maillon.h"
#include "core/base/memory.h"
#include "proto/messages.h"

#define MESSAGES_PER_TURN_MAX 256 /* Received from one broker before the other has its turn. */
#define SUBMIT_SIZE_MAX ((size_t)256 * 1024)
#define FULL_COUNT_MAX 10 /* Refusals as full before the caller is told. */
#define RETRY_MS_MIN 10
#define RETRY_MS_MAX 60000
#define EVENT_CREDIT 1024 /* Events on their way. */
#define SILENCE_MS 15000  /* Three heads missed: the dispatcher is not there. */
#define NO_DEADLINE UINT64_MAX

/* Where a submission stands. Each state has its list of slots. */
enum slot_state {
    SLOT_FREE,
    SLOT_QUEUED, /* To be sent, in this order. */
    SLOT_SENT,   /* In the order of sending, so by deadline and by batch too. */
    SLOT_LATER,  /* The gateway was full; to be sent again when it is due. */
    SLOT_TAKEN,  /* Of a batch that is being refused. */
    SLOT_STATE_COUNT,
};

struct slot {
    uint8_t id[SUBMISSION_ID_SIZE];
    struct bytes type;  /* The table's own text. */
    struct buffer body; /* Keeps its memory from one submission to the next. */
    maillon_answer_fn answered;
    void *user;
    uint64_t due_ms; /* SENT: no answer is coming any more. LATER: to be sent. */
    uint64_t batch;  /* The message it was sent in last. */
    uint32_t full_count;
    enum slot_state state;
    uint32_t previous, next; /* In the list of its state. */
};

struct slot_list {
    uint32_t first, last;
};

struct submissions {
    struct link *link; /* NULL without a gateway. */
    struct slot *slots;
    uint32_t slot_count;
    struct slot_list lists[SLOT_STATE_COUNT];
    uint32_t *index; /* By id, open addressing: slot + 1, or 0. */
    uint32_t index_mask;
    size_t unanswered_count;
    uint64_t batch;        /* Number of the last message sent. */
    uint64_t later_due_ms; /* No slot that waits is due before. */
    uint32_t timeout_ms;
};

struct stream {
    struct link *link; /* NULL without a dispatcher. */
    bool is_active;
    bool is_told;        /* On this connection. */
    bool is_used;        /* This connection had a subscription. */
    uint64_t generation; /* Counts subscriptions: a callback may make a new one. */
    char texts[4][ID_SIZE_MAX + 1];
    struct subscribe request;
    maillon_event_fn on_event;
    void *user;
    uint64_t done_count; /* Events done with since credit was last given. */
    uint64_t heard_ms;
    uint64_t retry_ms; /* Not told before. */
};

struct maillon {
    struct credentials keys;
    void *context; /* ZeroMQ's. */
    int epoll;     /* The descriptor that callers wait on. */
    int wake;      /* An eventfd in it: set while there is work that no socket tells of. */
    bool is_awake;
    bool is_busy; /* Inside maillon_process or maillon_close. */
    uint64_t (*clock_ms)(void);
    uint64_t now_ms;
    uint64_t random;
    enum maillon_status verdict; /* What maillon_process returns at the end of its turn. */
    uint64_t nonsense_count;     /* Messages, or parts of them, that made no sense. */
    struct submissions submissions;
    struct stream stream;
    struct arena arena;         /* For the message received. */
    struct buffer header, body; /* The message being sent. */
};

/* A message as it was received; views until the next one. */
struct incoming {
    struct bytes type;
    struct bytes id;
    struct bytes body;
};

/* The next message that makes sense so far. STATUS_AGAIN when there is none. */
MUST_USE enum status receive_message(struct maillon *connection, struct link *link,
                                     struct incoming *message);
MUST_USE enum status send_message(struct maillon *connection, struct link *link,
                                  const struct message *message, const void *record);
/* The same with what is in `connection->body` already. The answer repeats `id`. */
MUST_USE enum status send_body(struct maillon *connection, struct link *link,
                               const struct message *message, struct bytes id);
/* Decodes into `record`, or counts nonsense and returns false. */
MUST_USE bool decode_body(struct maillon *connection, const struct message *message,
                          struct bytes body, void *record);

/* Makes the descriptor readable, so that the caller processes soon. */
void wake_up(struct maillon *connection);

/* What a refusal means to the caller. */
enum maillon_status status_from_code(struct bytes code);

/* When to ask again after `hint_ms`: not all clients at once. */
uint64_t retry_time(struct maillon *connection, uint64_t hint_ms);

/* False when there is no memory; deinit is fine then too. */
MUST_USE bool submissions_init(struct submissions *submissions, uint32_t window,
                               uint32_t timeout_ms);
void submissions_deinit(struct submissions *submissions);
void submissions_process(struct maillon *connection);
void submissions_abandon(struct maillon *connection); /* Calls all back as unreachable. */
bool submissions_has_work(const struct submissions *submissions);
uint64_t submissions_deadline_ms(const struct submissions *submissions);

void stream_process(struct maillon *connection);
bool stream_has_work(const struct stream *stream);
uint64_t stream_deadline_ms(const struct stream *stream);

#endif
