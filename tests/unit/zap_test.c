/*
 * zap_test.c - who comes in at the handshake, over real sockets.
 */
#include "node/zap.h"

#include "identity/identity.h"
#include "node/port.h"
#include "tests/harness.h"

#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define WAIT_MS 5000
#define SILENCE_MS 300 /* As long as nothing should come. */

struct place {
    struct loop *loop;
    struct zap *zap;
    struct port *port;
    struct timer *timer;
    struct identity *server;
    struct registry registry;
    char folder[32];
    char local[64], remote[PORT_ENDPOINT_SIZE];
    void *context; /* Of clients. */
    char user[KEY_TEXT_SIZE + 1];
    size_t heard;
};

static void on_failed(void *context)
{
    (void)context;
    fail_case();
}

static void on_message(void *context, const struct port_message *message)
{
    struct place *place = context;
    struct bytes frames[] = {message->frames[0], message->frames[message->count - 1]};

    EXPECT_TRUE(message->user.size <= KEY_TEXT_SIZE);
    snprintf(place->user, sizeof place->user, "%.*s", BYTES_ARGS(message->user));
    place->heard++;
    EXPECT_TRUE(port_send(place->port, frames, COUNT_OF(frames)) != STATUS_IO);
    loop_stop(place->loop);
}

static void on_time(void *context)
{
    struct place *place = context;
    loop_stop(place->loop);
}

static void open_place(struct place *place)
{
    *place = (struct place){.folder = "/tmp/zap-XXXXXX", .context = zmq_ctx_new()};
    EXPECT_TRUE(mkdtemp(place->folder) != NULL);
    snprintf(place->local, sizeof place->local, "ipc://%s/local", place->folder);
    EXPECT_OK(identity_make(&place->server));
    EXPECT_OK(loop_open(&place->loop));
    place->timer = loop_timer(place->loop, on_time, place);
    EXPECT_OK(zap_open(place->loop, on_failed, place, &place->zap));
    EXPECT_OK(port_open(place->loop,
                        &(struct port_options){
                            .kind = PORT_ROUTER,
                            .endpoint = place->local,
                            .send_count_max = 100,
                            .receive_count_max = 100,
                            .receive = on_message,
                            .context = place,
                            .remote = "tcp://127.0.0.1:*",
                            .secret = identity_secret(place->server),
                        },
                        &place->port));
    port_bound(place->port, place->remote);
}

static void close_place(struct place *place)
{
    port_close(place->port);
    zap_close(place->zap);
    loop_close(place->loop);
    identity_close(place->server);
    registry_deinit(&place->registry);
    zmq_ctx_term(place->context);
    unlink(place->local + strlen("ipc://"));
    EXPECT_EQ(rmdir(place->folder), 0);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000;
}

/* Registers the key and hands the registry over. */
static uint32_t admit(struct place *place, const struct identity *identity, uint64_t from,
                      uint64_t to)
{
    char text[IDENTITY_TEXT_SIZE];
    uint32_t number = 0;

    identity_text(identity_public(identity), text);
    union command command = {.key_register = {.key = bytes_from_text(text),
                                              .party = bytes_from_text("h"),
                                              .roles = ROLE_REQUESTER,
                                              .from = from,
                                              .to = to}};
    EXPECT_EQ(registry_apply(&place->registry, KIND_KEY_REGISTER, &command, KEY_LOCAL, &number),
              KEY_DONE);
    zap_admit(place->zap, &place->registry);
    return number;
}

/* A client with a key, or without one (NULL). */
static void *connect_client(struct place *place, const struct identity *identity,
                            const uint8_t *server_key, const char *routing_id)
{
    void *socket = zmq_socket(place->context, ZMQ_DEALER);
    int none = 0;

    EXPECT_EQ(zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none), 0);
    if (routing_id != NULL) {
        EXPECT_EQ(zmq_setsockopt(socket, ZMQ_ROUTING_ID, routing_id, strlen(routing_id)), 0);
    }
    if (identity != NULL) {
        EXPECT_EQ(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, IDENTITY_KEY_SIZE), 0);
        EXPECT_EQ(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, identity_public(identity),
                                 IDENTITY_KEY_SIZE),
                  0);
        EXPECT_EQ(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, identity_secret(identity),
                                 IDENTITY_KEY_SIZE),
                  0);
    }
    EXPECT_EQ(zmq_connect(socket, place->remote), 0);
    return socket;
}

static void close_client(void *socket)
{
    EXPECT_EQ(zmq_close(socket), 0);
}

/* Whether a message of this client reaches the callback. */
static bool is_heard(struct place *place, void *socket, uint64_t wait_ms)
{
    size_t before = place->heard;

    EXPECT_EQ(zmq_send(socket, "header", 6, ZMQ_SNDMORE), 6);
    EXPECT_EQ(zmq_send(socket, "body", 4, 0), 4);
    timer_start(place->timer, wait_ms, 0);
    loop_run(place->loop);
    timer_stop(place->timer);
    return place->heard > before;
}

static void a_registered_key_comes_in_under_its_name(void)
{
    struct place place;
    struct identity *identity = NULL;
    char text[IDENTITY_TEXT_SIZE];

    open_place(&place);
    EXPECT_OK(identity_make(&identity));
    identity_text(identity_public(identity), text);
    admit(&place, identity, TIME_NONE, TIME_NONE);
    void *socket = connect_client(&place, identity, identity_public(place.server), NULL);
    for (int i = 0; i < 20; i++) {
        EXPECT_TRUE(is_heard(&place, socket, WAIT_MS));
        EXPECT_TEXT(bytes_from_text(place.user), text);
    }
    EXPECT_EQ(zap_figures(place.zap).accepted, 1);
    EXPECT_EQ(port_figures(place.port).unauthenticated, 0);
    close_client(socket);
    identity_close(identity);
    close_place(&place);
}

static void two_connections_with_one_key_are_both_heard(void)
{
    struct place place;
    struct identity *identity = NULL;

    open_place(&place);
    EXPECT_OK(identity_make(&identity));
    admit(&place, identity, TIME_NONE, TIME_NONE);
    void *first = connect_client(&place, identity, identity_public(place.server), NULL);
    void *second = connect_client(&place, identity, identity_public(place.server), NULL);
    EXPECT_TRUE(is_heard(&place, first, WAIT_MS));
    EXPECT_TRUE(is_heard(&place, second, WAIT_MS));
    EXPECT_TRUE(is_heard(&place, first, WAIT_MS));
    EXPECT_EQ(zap_figures(place.zap).accepted, 2);
    close_client(first);
    close_client(second);
    identity_close(identity);
    close_place(&place);
}

static void the_local_socket_needs_no_key(void)
{
    struct place place;

    open_place(&place);
    void *socket = zmq_socket(place.context, ZMQ_DEALER);
    int none = 0;
    EXPECT_EQ(zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none), 0);
    EXPECT_EQ(zmq_connect(socket, place.local), 0);
    EXPECT_TRUE(is_heard(&place, socket, WAIT_MS));
    EXPECT_TEXT(bytes_from_text(place.user), "");
    close_client(socket);
    close_place(&place);
}

/* Each in its own way: none of them is heard. */
static void nobody_else_is_heard(void)
{
    struct place place;
    struct identity *good = NULL, *other = NULL;

    open_place(&place);
    EXPECT_OK(identity_make(&good));
    EXPECT_OK(identity_make(&other));
    admit(&place, good, TIME_NONE, TIME_NONE);
    void *const sockets[] = {
        connect_client(&place, NULL, NULL, NULL),
        connect_client(&place, other, identity_public(place.server), NULL),
        connect_client(&place, good, identity_public(other), NULL),
    };
    for (size_t i = 0; i < COUNT_OF(sockets); i++) {
        EXPECT_TRUE(!is_heard(&place, sockets[i], SILENCE_MS));
    }
    EXPECT_EQ(place.heard, 0);
    EXPECT_TRUE(zap_figures(place.zap).unknown > 0);
    EXPECT_EQ(zap_figures(place.zap).accepted, 0);
    for (size_t i = 0; i < COUNT_OF(sockets); i++) {
        close_client(sockets[i]);
    }
    identity_close(good);
    identity_close(other);
    close_place(&place);
}

static void a_key_that_is_not_valid_now_stays_out(void)
{
    struct place place;
    struct identity *early = NULL, *late = NULL, *revoked = NULL;

    open_place(&place);
    EXPECT_OK(identity_make(&early));
    EXPECT_OK(identity_make(&late));
    EXPECT_OK(identity_make(&revoked));
    admit(&place, early, now_ms() + 3600000, TIME_NONE);
    admit(&place, late, TIME_NONE, now_ms() - 1000);
    uint32_t number = admit(&place, revoked, TIME_NONE, TIME_NONE);
    union command command = {.key_revoke = {.key = registry_text(&place.registry, number)}};
    EXPECT_EQ(registry_apply(&place.registry, KIND_KEY_REVOKE, &command, KEY_LOCAL, &number),
              KEY_DONE);
    zap_admit(place.zap, &place.registry);
    const struct identity *const identities[] = {early, late, revoked};
    for (size_t i = 0; i < COUNT_OF(identities); i++) {
        void *socket = connect_client(&place, identities[i], identity_public(place.server), NULL);
        EXPECT_TRUE(!is_heard(&place, socket, SILENCE_MS));
        close_client(socket);
    }
    struct zap_figures figures = zap_figures(place.zap);
    EXPECT_TRUE(figures.expired >= 2);
    EXPECT_TRUE(figures.revoked >= 1);
    EXPECT_EQ(figures.accepted, 0);
    identity_close(early);
    identity_close(late);
    identity_close(revoked);
    close_place(&place);
}

static void nobody_comes_in_before_keys_are_handed_over_or_without_a_doorkeeper(void)
{
    struct place place;
    struct identity *identity = NULL;

    open_place(&place);
    EXPECT_OK(identity_make(&identity));
    void *socket = connect_client(&place, identity, identity_public(place.server), NULL);
    EXPECT_TRUE(!is_heard(&place, socket, SILENCE_MS));
    EXPECT_TRUE(zap_figures(place.zap).early > 0);
    admit(&place, identity, TIME_NONE, TIME_NONE);
    EXPECT_TRUE(is_heard(&place, socket, WAIT_MS)); /* It came again by itself. */
    close_client(socket);
    zap_close(place.zap);
    place.zap = NULL;
    socket = connect_client(&place, identity, identity_public(place.server), NULL);
    EXPECT_TRUE(!is_heard(&place, socket, SILENCE_MS));
    close_client(socket);
    identity_close(identity);
    close_place(&place);
}

/* With a good key even: a routing id that was somebody else's would get what is meant for that one.
 */
static void a_routing_id_of_ones_own_is_not_heard(void)
{
    struct place place;
    struct identity *identity = NULL;

    open_place(&place);
    EXPECT_OK(identity_make(&identity));
    admit(&place, identity, TIME_NONE, TIME_NONE);
    void *socket = connect_client(&place, identity, identity_public(place.server), "mine");
    EXPECT_TRUE(!is_heard(&place, socket, SILENCE_MS));
    EXPECT_EQ(port_figures(place.port).unauthenticated, 1);
    EXPECT_EQ(port_figures(place.port).received, 0);
    close_client(socket);
    identity_close(identity);
    close_place(&place);
}

static const struct test_case cases[] = {
    CASE(a_registered_key_comes_in_under_its_name),
    CASE(two_connections_with_one_key_are_both_heard),
    CASE(the_local_socket_needs_no_key),
    CASE(nobody_else_is_heard),
    CASE(a_key_that_is_not_valid_now_stays_out),
    CASE(nobody_comes_in_before_keys_are_handed_over_or_without_a_doorkeeper),
    CASE(a_routing_id_of_ones_own_is_not_heard),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
