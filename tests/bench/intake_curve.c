/*
 * intake_curve.c - ZeroMQ clients, half the time over ipc and half over tcp with keys.
 *
 * One gateway serves both on the same journal, and the halves of a round take turns, so that both
 * meet the machine in the same mood. The library's threads are measured along, on both sides alike.
 */
#include "tests/bench/intake_curve.h"

#include "identity/identity.h"
#include "tests/bench/support/bench.h"
#include "tests/bench/support/commands.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#define CLIENT_COUNT_MAX 64
#define ROUND_COUNT_MAX 15
#define PRODUCT_COUNT 20

struct curve_bench {
    const struct curve_setting *setting;
    char data[BENCH_PATH_SIZE];
    char local[BENCH_PATH_SIZE + 32], remote[64];
    struct identity *server, *client;
    void *context;
    struct need_template template;
    uint64_t number; /* Of the last need. */
};

static void find_port(char endpoint[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);

    ENSURE(bind(descriptor, (const struct sockaddr *)&address, size) == 0);
    ENSURE(getsockname(descriptor, (struct sockaddr *)&address, &size) == 0);
    close(descriptor);
    snprintf(endpoint, 64, "tcp://127.0.0.1:%u", ntohs(address.sin_port));
}

/* One party with a key, and products. */
static void submit_names(const struct curve_bench *bench)
{
    struct dealer dealer;
    struct batch_submit batch = {.gateway = &dealer};
    char name[BENCH_NAME_SIZE];
    char key[IDENTITY_TEXT_SIZE];
    struct party_put party = {.party = bench_party(0, name),
                              .roles = ROLE_REQUESTER,
                              .country = bytes_from_text("FR"),
                              .lat = PLACE_NONE,
                              .lon = PLACE_NONE};

    dealer_open(&dealer, bench->local + strlen("ipc://"));
    batch_submit_add(&batch, &PARTY_PUT, &party);
    identity_text(identity_public(bench->client), key);
    batch_submit_add(&batch, &KEY_REGISTER,
                     &(struct key_register){.key = bytes_from_text(key),
                                            .party = bench_party(0, name),
                                            .roles = ROLE_REQUESTER,
                                            .from = TIME_NONE,
                                            .to = TIME_NONE});
    for (uint32_t i = 0; i < PRODUCT_COUNT; i++) {
        struct product_put product = {.product = bench_product(i, name), .lot = 1};
        batch_submit_add(&batch, &PRODUCT_PUT, &product);
    }
    batch_submit_flush(&batch);
    batch_submit_deinit(&batch);
    dealer_close(&dealer);
}

static void *open_client(struct curve_bench *bench, bool with_keys)
{
    void *socket = zmq_socket(bench->context, ZMQ_DEALER);

    zmq_setsockopt(socket, ZMQ_LINGER, &(int){0}, sizeof(int));
    if (with_keys) {
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, identity_public(bench->server),
                       IDENTITY_KEY_SIZE);
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, identity_public(bench->client),
                       IDENTITY_KEY_SIZE);
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, identity_secret(bench->client),
                       IDENTITY_KEY_SIZE);
    }
    ENSURE(zmq_connect(socket, with_keys ? bench->remote : bench->local) == 0);
    return socket;
}

/* As many commands as the window, in messages of at most 256. */
static void send_window(struct curve_bench *bench, void *socket)
{
    uint8_t id[REQUEST_ID_SIZE] = {0};
    uint8_t header[SUBMIT_HEADER_SIZE_MAX], front[SUBMIT_FRONT_SIZE_MAX];
    size_t count = bench->setting->window;
    size_t size = bench->template.bytes.size;
    struct bytes front_bytes = submit_front(count, front);
    struct bytes header_bytes = submit_header(id, header);
    zmq_msg_t body;

    ENSURE(zmq_msg_init_size(&body, front_bytes.size + count * size) == 0);
    uint8_t *at = zmq_msg_data(&body);
    memcpy(at, front_bytes.data, front_bytes.size);
    at += front_bytes.size;
    for (size_t i = 0; i < count; i++, at += size) {
        uint64_t number = ++bench->number;
        need_write(&bench->template,
                   &(struct need_numbers){.number = number,
                                          .product = (uint32_t)(number % PRODUCT_COUNT),
                                          .quantity = (uint16_t)(256 + number % 10000),
                                          .class_number = (uint8_t)(1 + number % CLASS_COUNT)},
                   at);
    }
    ENSURE(zmq_send(socket, header_bytes.data, header_bytes.size, ZMQ_SNDMORE) >= 0);
    ENSURE(zmq_msg_send(&body, socket, 0) >= 0);
}

/* An answer to a whole window that was taken in; nothing else may come. */
static void take_answer(struct curve_bench *bench, void *socket)
{
    struct arena arena = {0};
    struct refusal refusal;
    struct answers answers;
    zmq_msg_t part;

    ENSURE(zmq_msg_init(&part) == 0);
    ENSURE(zmq_msg_recv(&part, socket, 0) >= 0);
    ENSURE(zmq_msg_recv(&part, socket, 0) >= 0);
    struct bytes body = {zmq_msg_data(&part), zmq_msg_size(&part)};
    ENSURE(proto_decode(&ANSWERS, body, &arena, &answers, &refusal) == STATUS_OK);
    const struct result *results = answers.results.items;
    ENSURE(answers.results.count == bench->setting->window);
    ENSURE(results[0].accepted);
    ENSURE(results[answers.results.count - 1].accepted);
    arena_deinit(&arena);
    ENSURE(zmq_msg_close(&part) == 0);
}

/* Commands acknowledged a second; the handshakes are over before the clock starts. */
static double run_half(struct curve_bench *bench, bool with_keys)
{
    void *sockets[CLIENT_COUNT_MAX];
    zmq_pollitem_t items[CLIENT_COUNT_MAX];
    unsigned count = bench->setting->clients;
    uint64_t acked = 0;

    for (unsigned i = 0; i < count; i++) {
        sockets[i] = open_client(bench, with_keys);
        items[i] = (zmq_pollitem_t){.socket = sockets[i], .events = ZMQ_POLLIN};
        send_window(bench, sockets[i]);
        take_answer(bench, sockets[i]);
        send_window(bench, sockets[i]);
    }
    uint64_t began = bench_nanos();
    uint64_t until = began + (uint64_t)(bench->setting->seconds * 1e9);
    while (bench_nanos() < until) {
        ENSURE(zmq_poll(items, (int)count, 1000) >= 0);
        for (unsigned i = 0; i < count; i++) {
            if ((items[i].revents & ZMQ_POLLIN) != 0) {
                take_answer(bench, sockets[i]);
                acked += bench->setting->window;
                send_window(bench, sockets[i]);
            }
        }
    }
    double rate = (double)acked * 1e9 / (double)(bench_nanos() - began);
    for (unsigned i = 0; i < count; i++) {
        take_answer(bench, sockets[i]);
        zmq_close(sockets[i]);
    }
    return rate;
}

static pid_t start_gateway(struct curve_bench *bench)
{
    char setting[128], path[BENCH_PATH_SIZE + 16], problem[IDENTITY_PROBLEM_SIZE];

    snprintf(path, sizeof path, "%s/keys", bench->data);
    ENSURE(mkdir(bench->data, 0700) == 0);
    ENSURE(mkdir(path, 0700) == 0);
    snprintf(path, sizeof path, "%s/keys/server", bench->data);
    ENSURE(identity_make(&bench->server) == STATUS_OK);
    ENSURE(identity_make(&bench->client) == STATUS_OK);
    ENSURE(identity_write(bench->server, path, problem) == STATUS_OK);
    snprintf(setting, sizeof setting, "gateway.endpoint=%s", bench->remote);
    return bench_start(bench->data, "gateway", (const char *const[]){"--set", setting, NULL});
}

void intake_curve(const char *place, const struct curve_setting *setting)
{
    struct curve_bench bench = {.setting = setting, .context = zmq_ctx_new()};
    double plain[ROUND_COUNT_MAX], keyed[ROUND_COUNT_MAX], factors[ROUND_COUNT_MAX];

    ENSURE(setting->clients <= CLIENT_COUNT_MAX);
    ENSURE(setting->rounds <= ROUND_COUNT_MAX);
    ENSURE(setting->window <= COMMANDS_PER_SUBMIT_MAX);
    snprintf(bench.data, sizeof bench.data, "%s/curve", place);
    snprintf(bench.local, sizeof bench.local, "ipc://%s/run/gateway", bench.data);
    find_port(bench.remote);
    need_template_init(&bench.template);
    pid_t gateway = start_gateway(&bench);
    bench_wait_live(bench.data, "gateway");
    submit_names(&bench);
    for (unsigned i = 0; i < setting->rounds; i++) {
        plain[i] = run_half(&bench, false);
        keyed[i] = run_half(&bench, true);
        factors[i] = plain[i] / keyed[i];
    }
    printf("{\"bench\":\"intake\",\"curve\":true,\"clients\":%u,\"window\":%u,\"rounds\":%u,"
           "\"plain_per_s\":%.0f,\"curve_per_s\":%.0f,\"factor\":%.2f}\n",
           setting->clients, setting->window, setting->rounds, bench_median(plain, setting->rounds),
           bench_median(keyed, setting->rounds), bench_median(factors, setting->rounds));
    fflush(stdout);
    bench_stop(gateway);
    bench_remove(bench.data);
    need_template_deinit(&bench.template);
    identity_close(bench.server);
    identity_close(bench.client);
    zmq_ctx_term(bench.context);
}
