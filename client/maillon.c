/*
 * maillon.c - the connection: opening, the descriptor to wait on, one turn of work.
 *
 * The descriptor is an epoll over the sockets' own descriptors and an eventfd. ZeroMQ's tell only
 * that something changed, and any call on a socket may eat the news; so a turn ends by asking every
 * socket what it has, and sets the eventfd when a budget left something for the next turn.
 */
#include "client/maillon.h"

#include "client/connection.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define TIMEOUT_MS 5000
#define WINDOW 1024
#define IPC_PREFIX "ipc://"
#define ENDPOINT_SIZE_MAX 512

static uint64_t clock_ms(void)
{
    struct timespec now;

    ENSURE(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const char *maillon_version(void)
{
    return PROJECT_VERSION;
}

const char *maillon_status_name(enum maillon_status status)
{
    switch (status) {
    case MAILLON_OK:
        return "ok";
    case MAILLON_USAGE:
        return "usage";
    case MAILLON_DATA:
        return "data";
    case MAILLON_NOT_FOUND:
        return "not found";
    case MAILLON_UNREACHABLE:
        return "unreachable";
    case MAILLON_BUG:
        return "bug";
    case MAILLON_NO_MEMORY:
        return "no memory";
    case MAILLON_TRY_AGAIN:
        return "try again";
    case MAILLON_VERSION:
        return "version";
    case MAILLON_DENIED:
        return "denied";
    case MAILLON_CONFIG:
        return "configuration";
    case MAILLON_CONFLICT:
        return "conflict";
    case MAILLON_GAP:
        return "gap";
    }
    return "unknown"; /* Callers may pass what is no status. */
}

enum maillon_status status_from_code(struct bytes code)
{
    static const struct {
        const char *code;
        enum maillon_status status;
    } table[] = {
        {CODE_UNKNOWN, MAILLON_NOT_FOUND}, {CODE_CONFLICT, MAILLON_CONFLICT},
        {CODE_DENIED, MAILLON_DENIED},     {CODE_VERSION, MAILLON_VERSION},
        {CODE_FULL, MAILLON_TRY_AGAIN},
    };

    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (bytes_equal(code, bytes_from_text(table[i].code))) {
            return table[i].status;
        }
    }
    return MAILLON_DATA; /* What was said is wrong, in one way or another. */
}

void maillon_make_id(uint8_t id[MAILLON_ID_SIZE])
{
    ssize_t size;

    do {
        size = getrandom(id, MAILLON_ID_SIZE, 0);
    } while (size < 0 && errno == EINTR);
    ENSURE(size == MAILLON_ID_SIZE);
}

uint64_t retry_time(struct maillon *connection, uint64_t hint_ms)
{
    uint64_t wait_ms = max_u64(min_u64(hint_ms, RETRY_MS_MAX), RETRY_MS_MIN);

    connection->random = hash_u64(connection->random + 1);
    return connection->now_ms + wait_ms + connection->random % (wait_ms / 2 + 1);
}

/* Opening and closing. */

/* Options of an older caller end earlier: what it does not know is zero. */
static enum maillon_status read_options(const struct maillon_options *given,
                                        struct maillon_options *options)
{
    *options = (struct maillon_options){0};
    if (given == NULL || given->size == 0 || given->size > sizeof *options) {
        return MAILLON_USAGE;
    }
    memcpy(options, given, given->size);
    if (options->data == NULL && options->gateway == NULL && options->dispatch == NULL) {
        return MAILLON_USAGE;
    }
    if (options->window > MAILLON_WINDOW_MAX || options->timeout_ms > INT_MAX) {
        return MAILLON_USAGE;
    }
    options->timeout_ms = options->timeout_ms == 0 ? TIMEOUT_MS : options->timeout_ms;
    options->window = options->window == 0 ? WINDOW : options->window;
    return MAILLON_OK;
}

/* False when no socket address holds the path: ZeroMQ would tell, but only of some. */
static bool is_path_short(const char *endpoint)
{
    size_t prefix_size = strlen(IPC_PREFIX);

    return strncmp(endpoint, IPC_PREFIX, prefix_size) != 0 ||
           strlen(endpoint) - prefix_size < sizeof((struct sockaddr_un *)0)->sun_path;
}

/* The endpoint of a broker: the one given, else from the data directory. */
static enum maillon_status endpoint_of(const char *data, const char *given, const char *broker,
                                       char endpoint[ENDPOINT_SIZE_MAX])
{
    int size = given != NULL
                   ? snprintf(endpoint, ENDPOINT_SIZE_MAX, "%s", given)
                   : snprintf(endpoint, ENDPOINT_SIZE_MAX, IPC_PREFIX "%s/run/%s", data, broker);
    bool is_whole = size > 0 && (size_t)size < ENDPOINT_SIZE_MAX;

    return is_whole && is_path_short(endpoint) ? MAILLON_OK : MAILLON_CONFIG;
}

/* Leaves `*link` alone when there is nothing to connect to. */
static enum maillon_status open_link(struct maillon *connection,
                                     const struct maillon_options *options, const char *given,
                                     const char *broker, struct link **link)
{
    char endpoint[ENDPOINT_SIZE_MAX];

    if (given == NULL && options->data == NULL) {
        return MAILLON_OK;
    }
    enum maillon_status status = endpoint_of(options->data, given, broker, endpoint);
    if (status == MAILLON_OK) {
        status = credentials_check(&connection->keys, endpoint, options);
    }
    if (status != MAILLON_OK) {
        return status;
    }
    return link_open(connection->context, connection->epoll, endpoint, &connection->keys, link);
}

static enum maillon_status open_links(struct maillon *connection,
                                      const struct maillon_options *options)
{
    enum maillon_status status =
        open_link(connection, options, options->gateway, "gateway", &connection->submissions.link);

    if (status != MAILLON_OK) {
        return status;
    }
    return open_link(connection, options, options->dispatch, "dispatch", &connection->stream.link);
}

static MUST_USE bool open_descriptors(struct maillon *connection)
{
    struct epoll_event event = {.events = EPOLLIN};

    connection->epoll = epoll_create1(EPOLL_CLOEXEC);
    connection->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return connection->epoll >= 0 && connection->wake >= 0 &&
           epoll_ctl(connection->epoll, EPOLL_CTL_ADD, connection->wake, &event) == 0;
}

static void close_descriptor(int descriptor)
{
    if (descriptor >= 0) {
        close(descriptor);
    }
}

/* Everything that a connection holds. What was made before a failure is left to maillon_close. */
static enum maillon_status open_parts(struct maillon *connection,
                                      const struct maillon_options *options)
{
    connection->context = zmq_ctx_new();
    if (!open_descriptors(connection) || connection->context == NULL ||
        !submissions_init(&connection->submissions, options->window, options->timeout_ms)) {
        return MAILLON_NO_MEMORY;
    }
    enum maillon_status status = credentials_read(options, &connection->keys);
    return status == MAILLON_OK ? open_links(connection, options) : status;
}

enum maillon_status maillon_open(const struct maillon_options *options, struct maillon **out)
{
    struct maillon_options checked;
    enum maillon_status status = read_options(options, &checked);

    if (status != MAILLON_OK) {
        return status;
    }
    struct maillon *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        return MAILLON_NO_MEMORY;
    }
    uint8_t seed[MAILLON_ID_SIZE];
    maillon_make_id(seed);
    connection->random = load_u64(seed);
    connection->clock_ms = clock_ms;
    status = open_parts(connection, &checked);
    if (status != MAILLON_OK) {
        maillon_close(connection);
        return status;
    }
    *out = connection;
    return MAILLON_OK;
}

void maillon_close(struct maillon *connection)
{
    if (connection == NULL) {
        return;
    }
    ENSURE(!connection->is_busy); /* Not from a callback. */
    connection->is_busy = true;
    link_close(connection->submissions.link);
    link_close(connection->stream.link);
    connection->submissions.link = NULL; /* Callbacks cannot submit any more. */
    connection->stream.link = NULL;
    submissions_abandon(connection);
    submissions_deinit(&connection->submissions);
    arena_deinit(&connection->arena);
    buffer_deinit(&connection->header);
    buffer_deinit(&connection->body);
    if (connection->context != NULL) {
        zmq_ctx_term(connection->context);
    }
    credentials_release(&connection->keys);
    close_descriptor(connection->wake);
    close_descriptor(connection->epoll);
    free(connection);
}

/* Messages. */

static MUST_USE bool decode_header(struct maillon *connection, struct bytes frame,
                                   struct incoming *message)
{
    struct header header;

    if (!decode_body(connection, &HEADER, frame, &header)) {
        return false;
    }
    if (header.version != PROTO_VERSION) {
        connection->nonsense_count++;
        return false;
    }
    message->type = header.type;
    message->id = header.id;
    return true;
}

/* Skips nonsense, within bounds: a broker gone mad must not keep the caller here. */
enum status receive_message(struct maillon *connection, struct link *link, struct incoming *message)
{
    for (int i = 0; i < MESSAGES_PER_TURN_MAX; i++) {
        struct bytes header;
        enum status status = link_receive(link, &header, &message->body);
        if (status == STATUS_AGAIN) {
            return status;
        }
        arena_reset(&connection->arena);
        if (status != STATUS_OK) {
            connection->nonsense_count++;
        } else if (decode_header(connection, header, message)) {
            return STATUS_OK;
        }
    }
    return STATUS_AGAIN;
}

enum status send_body(struct maillon *connection, struct link *link, const struct message *message,
                      struct bytes id)
{
    struct header header = {
        .version = PROTO_VERSION, .type = bytes_from_text(message->name), .id = id};

    connection->header.size = 0;
    proto_encode(&HEADER, &header, &connection->header);
    return link_send(link, buffer_view(&connection->header), buffer_view(&connection->body));
}

enum status send_message(struct maillon *connection, struct link *link,
                         const struct message *message, const void *record)
{
    connection->body.size = 0;
    proto_encode(message, record, &connection->body);
    return send_body(connection, link, message, (struct bytes){0});
}

bool decode_body(struct maillon *connection, const struct message *message, struct bytes body,
                 void *record)
{
    struct refusal refusal;

    if (proto_decode(message, body, &connection->arena, record, &refusal) != STATUS_OK) {
        connection->nonsense_count++;
        return false;
    }
    return true;
}

/* Turns. */

void wake_up(struct maillon *connection)
{
    uint64_t one = 1;

    if (!connection->is_awake) {
        ENSURE(write(connection->wake, &one, sizeof one) == sizeof one);
        connection->is_awake = true;
    }
}

static void fall_asleep(struct maillon *connection)
{
    uint64_t count;

    if (connection->is_awake) {
        ENSURE(read(connection->wake, &count, sizeof count) == sizeof count);
        connection->is_awake = false;
    }
}

enum maillon_status maillon_process(struct maillon *connection)
{
    if (connection->is_busy) {
        return MAILLON_USAGE;
    }
    connection->is_busy = true;
    connection->now_ms = connection->clock_ms();
    connection->verdict = MAILLON_OK;
    stream_process(connection);
    submissions_process(connection);
    if (submissions_has_work(&connection->submissions) || stream_has_work(&connection->stream)) {
        wake_up(connection);
    } else {
        fall_asleep(connection);
    }
    connection->is_busy = false;
    return connection->verdict;
}

int maillon_fd(const struct maillon *connection)
{
    return connection->epoll;
}

int maillon_timeout_ms(const struct maillon *connection)
{
    uint64_t due_ms = min_u64(submissions_deadline_ms(&connection->submissions),
                              stream_deadline_ms(&connection->stream));

    if (connection->is_awake) {
        return 0;
    }
    if (due_ms == NO_DEADLINE) {
        return -1;
    }
    uint64_t now_ms = connection->clock_ms();
    return due_ms <= now_ms ? 0 : (int)min_u64(due_ms - now_ms, INT_MAX);
}

/* The earlier of two waits, where -1 is for ever. */
static int earlier(int left_ms, int right_ms)
{
    if (left_ms < 0) {
        return right_ms;
    }
    return right_ms < 0 || left_ms < right_ms ? left_ms : right_ms;
}

enum maillon_status maillon_wait(struct maillon *connection, int timeout_ms)
{
    struct pollfd descriptor = {.fd = connection->epoll, .events = POLLIN};

    /* A signal ends the wait: the caller may want to stop because of it. */
    poll(&descriptor, 1, earlier(timeout_ms, maillon_timeout_ms(connection)));
    return maillon_process(connection);
}
