/*
 * zap.c - a REP socket on its own thread, and a sorted copy of the registry under a lock.
 *
 *     request    version, request id, domain, address, routing id, mechanism, key (32 bytes)
 *     reply      version, request id, status code, text, user id, metadata
 *
 * The lock is held for one look-up, or to exchange the copy; it is built and freed outside.
 */
#include "node/zap.h"

#include "core/base/z85.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#define ENDPOINT "inproc://zeromq.zap.01"
#define KEY_SIZE 32
#define FRAME_COUNT 7 /* Of a request about CURVE. */
#define FRAME_SIZE_MAX 255

static const char ACCEPTED[] = "200";
static const char LATER[] = "300";
static const char REFUSED[] = "400";

struct doorkey {
    uint8_t key[KEY_SIZE];
    uint8_t state; /* enum key_state */
    uint64_t from, to;
};

struct doorkeys {
    struct doorkey *items; /* By key. */
    size_t count;
};

struct zap {
    void *socket;
    void *stop, *stopped; /* A pair: the thread ends when its side hears something. */
    pthread_t thread;
    pthread_mutex_t lock;
    bool has_keys; /* Under the lock, as are the rest: keys were handed over. */
    struct doorkeys keys;
    struct zap_figures figures;
    struct waker *waker; /* Wakes the loop when the thread fails. */
};

struct frame {
    uint8_t data[FRAME_SIZE_MAX];
    size_t size;
};

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- The thread ------------------------------------------------------------------------ */

static int compare_keys(const void *left, const void *right)
{
    return memcmp(((const struct doorkey *)left)->key, ((const struct doorkey *)right)->key,
                  KEY_SIZE);
}

/* The counter of what becomes of a handshake with this key. */
static uint64_t *judge(struct zap *zap, const uint8_t key[KEY_SIZE])
{
    struct doorkey wanted;
    uint64_t now = now_ms();

    memcpy(wanted.key, key, KEY_SIZE);
    const struct doorkey *found =
        zap->keys.count == 0
            ? NULL
            : bsearch(&wanted, zap->keys.items, zap->keys.count, sizeof wanted, compare_keys);
    if (found == NULL) {
        return &zap->figures.unknown;
    }
    if (found->state == KEY_REVOKED) {
        return &zap->figures.revoked;
    }
    bool is_valid = found->state == KEY_ACTIVE && now >= found->from && now < found->to;
    return is_valid ? &zap->figures.accepted : &zap->figures.expired;
}

static bool is_text(const struct frame *frame, const char *text)
{
    return frame->size == strlen(text) && memcmp(frame->data, text, frame->size) == 0;
}

/* What a client is told: 400 is final and it does not come again, 300 lets it try again soon. */
static const char *decide(struct zap *zap, const struct frame frames[FRAME_COUNT], size_t count)
{
    bool is_well_formed = count == FRAME_COUNT && is_text(&frames[0], "1.0") &&
                          is_text(&frames[5], "CURVE") && frames[6].size == KEY_SIZE;

    ENSURE(pthread_mutex_lock(&zap->lock) == 0);
    uint64_t *counter = is_well_formed ? judge(zap, frames[6].data) : &zap->figures.malformed;
    const char *code = counter == &zap->figures.accepted ? ACCEPTED
                       : zap->has_keys                   ? REFUSED
                                                         : LATER;
    counter = code == LATER ? &zap->figures.early : counter;
    (*counter)++;
    ENSURE(pthread_mutex_unlock(&zap->lock) == 0);
    return code;
}

/* Frames beyond the count and bytes beyond the size are dropped: what needs them is refused. False
 * when the socket is broken. */
static bool receive_request(struct zap *zap, struct frame frames[FRAME_COUNT], size_t *count)
{
    int has_more = 1;
    size_t size = sizeof has_more;

    for (*count = 0; has_more != 0; (*count)++) {
        struct frame spare;
        struct frame *frame = *count < FRAME_COUNT ? &frames[*count] : &spare;
        int received = zmq_recv(zap->socket, frame->data, sizeof frame->data, 0);
        if (received < 0 && zmq_errno() == EINTR) {
            (*count)--;
            continue;
        }
        if (received < 0 || zmq_getsockopt(zap->socket, ZMQ_RCVMORE, &has_more, &size) != 0) {
            return false;
        }
        frame->size = (size_t)received <= sizeof frame->data ? (size_t)received : 0;
    }
    return true;
}

static bool send_frame(struct zap *zap, const void *data, size_t size, int flags)
{
    int sent;

    do {
        sent = zmq_send(zap->socket, data, size, flags);
    } while (sent < 0 && zmq_errno() == EINTR);
    return sent >= 0;
}

static bool send_text(struct zap *zap, const char *text, int flags)
{
    return send_frame(zap, text, strlen(text), flags);
}

/* The user id of everything that comes over this connection is the key's text. */
static bool answer(struct zap *zap, const struct frame frames[FRAME_COUNT], size_t count)
{
    const char *code = decide(zap, frames, count);
    bool is_in = code == ACCEPTED;
    struct bytes request = {frames[1].data, count > 1 ? frames[1].size : 0};
    char user[KEY_TEXT_SIZE];

    if (is_in) {
        z85_encode((struct bytes){frames[6].data, KEY_SIZE}, user);
    }
    return send_text(zap, "1.0", ZMQ_SNDMORE) &&
           send_frame(zap, request.data, request.size, ZMQ_SNDMORE) &&
           send_text(zap, code, ZMQ_SNDMORE) &&
           send_text(zap, is_in ? "OK" : "denied", ZMQ_SNDMORE) &&
           send_frame(zap, user, is_in ? sizeof user : 0, ZMQ_SNDMORE) && send_text(zap, "", 0);
}

/* False when it is time to stop, or the socket is broken (`*is_broken`). */
static bool serve_one(struct zap *zap, bool *is_broken)
{
    struct frame frames[FRAME_COUNT];
    size_t count = 0;
    zmq_pollitem_t items[] = {{.socket = zap->socket, .events = ZMQ_POLLIN},
                              {.socket = zap->stopped, .events = ZMQ_POLLIN}};

    if (zmq_poll(items, (int)COUNT_OF(items), -1) < 0) {
        *is_broken = zmq_errno() != EINTR;
        return !*is_broken;
    }
    if ((items[1].revents & ZMQ_POLLIN) != 0) {
        return false;
    }
    if ((items[0].revents & ZMQ_POLLIN) != 0 &&
        (!receive_request(zap, frames, &count) || !answer(zap, frames, count))) {
        *is_broken = true;
        return false;
    }
    return true;
}

/* The signals are the loop's. */
static void *run(void *context)
{
    struct zap *zap = context;
    bool is_broken = false;
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    while (serve_one(zap, &is_broken)) {
    }
    if (is_broken) {
        waker_wake(zap->waker);
    }
    return NULL;
}

/* --- The loop's side ------------------------------------------------------------------- */

static void close_sockets(struct zap *zap)
{
    void *const sockets[] = {zap->socket, zap->stop, zap->stopped};

    for (size_t i = 0; i < COUNT_OF(sockets); i++) {
        if (sockets[i] != NULL) {
            ENSURE(zmq_close(sockets[i]) == 0);
        }
    }
}

static void *open_socket(struct loop *loop, int type)
{
    void *socket = zmq_socket(loop_context(loop), type);
    int none = 0;

    if (socket != NULL) {
        ENSURE(zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none) == 0);
    }
    return socket;
}

static bool open_sockets(struct zap *zap, struct loop *loop)
{
    char pair[64];

    (void)snprintf(pair, sizeof pair, "inproc://zap-stop-%p", (void *)zap);
    zap->socket = open_socket(loop, ZMQ_REP);
    zap->stop = open_socket(loop, ZMQ_PAIR);
    zap->stopped = open_socket(loop, ZMQ_PAIR);
    return zap->socket != NULL && zap->stop != NULL && zap->stopped != NULL &&
           zmq_bind(zap->stop, pair) == 0 && zmq_connect(zap->stopped, pair) == 0 &&
           zmq_bind(zap->socket, ENDPOINT) == 0;
}

enum status zap_open(struct loop *loop, loop_callback failed, void *context, struct zap **zap)
{
    struct zap *opened = memory_take(1, sizeof *opened);

    ENSURE(pthread_mutex_init(&opened->lock, NULL) == 0);
    opened->waker = loop_waker(loop, failed, context);
    if (!open_sockets(opened, loop) || pthread_create(&opened->thread, NULL, run, opened) != 0) {
        close_sockets(opened);
        free(opened);
        return STATUS_IO;
    }
    *zap = opened;
    return STATUS_OK;
}

void zap_close(struct zap *zap)
{
    if (zap == NULL) {
        return;
    }
    while (zmq_send(zap->stop, "", 0, 0) < 0) {
        ENSURE(zmq_errno() == EINTR);
    }
    ENSURE(pthread_join(zap->thread, NULL) == 0);
    close_sockets(zap);
    ENSURE(pthread_mutex_destroy(&zap->lock) == 0);
    free(zap->keys.items);
    free(zap);
}

static struct doorkeys copy_keys(const struct registry *registry)
{
    size_t count = registry_count(registry);
    struct doorkeys keys = {.items = memory_take(count + 1, sizeof *keys.items)};

    for (uint32_t number = 1; number <= count; number++) {
        const struct registered_key *key = registry_key(registry, number);
        struct doorkey *item = &keys.items[keys.count];
        if (z85_decode(registry_text(registry, number), item->key) == STATUS_OK) {
            item->state = key->state;
            item->from = key->from;
            item->to = key->to;
            keys.count++;
        }
    }
    qsort(keys.items, keys.count, sizeof *keys.items, compare_keys);
    return keys;
}

void zap_admit(struct zap *zap, const struct registry *registry)
{
    struct doorkeys keys = copy_keys(registry);

    ENSURE(pthread_mutex_lock(&zap->lock) == 0);
    struct doorkey *old = zap->keys.items;
    zap->keys = keys;
    zap->has_keys = true;
    ENSURE(pthread_mutex_unlock(&zap->lock) == 0);
    free(old);
}

struct zap_figures zap_figures(struct zap *zap)
{
    if (zap == NULL) {
        return (struct zap_figures){0};
    }
    ENSURE(pthread_mutex_lock(&zap->lock) == 0);
    struct zap_figures figures = zap->figures;
    ENSURE(pthread_mutex_unlock(&zap->lock) == 0);
    return figures;
}
