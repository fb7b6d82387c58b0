/*
 * client.c - one client under chaos: submits, follows, and writes down what it saw.
 *
 *     chaos_client NAME PARTY SEED PER_SECOND GATEWAY DISPATCH FILE KEY SERVER_KEY
 *
 * NAME is its party, PARTY whose stream it follows ("" for all), KEY that of an operator. Each line
 * of FILE is written before what it tells of may be built upon, and ends up there also when the
 * process is killed:
 *
 *     start MICROSECONDS AFTER                        subscribed behind this position
 *     sent MICROSECONDS ID TYPE BODY                  will be submitted now
 *     answer MICROSECONDS ID STATUS POSITION CHAIN HELD
 *     event MICROSECONDS SEQ BODY
 *     head MICROSECONDS SEQ
 *     broken MICROSECONDS STATUS                      the library gave up
 *
 * Started again with the same FILE it goes on: what has no answer is submitted again under the same
 * id, and the stream goes on behind the last event. SIGUSR1 ends its ideas for new commands,
 * SIGTERM the process.
 */
#include "client/maillon.h"
#include "proto/messages.h"
#include "tests/harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#define COMMAND_COUNT_MAX 200000
#define TYPE_SIZE 24
#define BODY_SIZE 200
#define LINE_SIZE 8192
#define IN_FLIGHT_MAX 64
#define KNOWN_COUNT 256 /* Of each: needs, offers and proposals to choose from. */
#define PLENTY_COUNT 4
#define SCARCE_COUNT 2
#define AGAIN_OF 16 /* One submission of so many is one that has been answered before. */
#define WAIT_MS 10

struct request {
    uint8_t id[MAILLON_ID_SIZE];
    char type[TYPE_SIZE];
    char body[BODY_SIZE];
    bool is_answered;
    bool is_in_flight;
};

struct proposal {
    uint64_t number;
    bool is_scarce;
};

/* Some of what there is, to choose from. */
struct known {
    uint64_t values[KNOWN_COUNT];
    size_t count;
};

struct chaos_client {
    const char *name;
    struct maillon *connection;
    struct request *commands;
    size_t command_count, first_open, in_flight;
    struct known needs, offers; /* Numbers of the commands that put them, once accepted. */
    struct proposal proposals[KNOWN_COUNT];
    size_t proposal_count;
    uint64_t random;
    uint64_t per_second, begun_us, begun_count;
    uint64_t seq, head;
    struct arena arena;
    int file;
};

static volatile sig_atomic_t is_finishing;
static volatile sig_atomic_t is_ended;

static void on_signal(int number)
{
    is_finishing = 1;
    is_ended |= number == SIGTERM;
}

/* --- Notes ----------------------------------------------------------------------------------- */

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

__attribute__((format(printf, 3, 4))) static void note(const struct chaos_client *client,
                                                       const char *kind, const char *format, ...)
{
    char line[LINE_SIZE];
    int size = snprintf(line, sizeof line, "%s %" PRIu64 " ", kind, now_us());
    va_list values;

    va_start(values, format);
    size += vsnprintf(line + size, sizeof line - (size_t)size, format, values);
    va_end(values);
    EXPECT_TRUE(size < LINE_SIZE - 1);
    line[size++] = '\n';
    EXPECT_EQ(write(client->file, line, (size_t)size), size);
}

static const char *hex(const uint8_t *bytes, size_t size, char *text)
{
    for (size_t i = 0; i < size; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    text[2 * size] = '\0';
    return text;
}

/* The number of a command stands in its id; the rest makes it unique. */
static void make_id(const struct chaos_client *client, size_t number, uint8_t id[MAILLON_ID_SIZE])
{
    memset(id, 0, MAILLON_ID_SIZE);
    store_u32_be(id, (uint32_t)number);
    memcpy(id + 4, client->name, min_u64(strlen(client->name), MAILLON_ID_SIZE - 4));
}

static size_t number_of(const uint8_t id[MAILLON_ID_SIZE])
{
    return load_u32_be(id);
}

/* --- Commands -------------------------------------------------------------------------------- */

static void remember(struct known *known, uint64_t value)
{
    if (known->count < KNOWN_COUNT) {
        known->values[known->count++] = value;
    }
}

/* False when there is none. */
static bool choose(struct chaos_client *client, const struct known *known, size_t *place)
{
    if (known->count > 0) {
        *place = random_below(&client->random, known->count);
    }
    return known->count > 0;
}

static struct request *add_command(struct chaos_client *client, const char *type)
{
    struct request *command = &client->commands[client->command_count];

    EXPECT_TRUE(client->command_count < COMMAND_COUNT_MAX);
    make_id(client, client->command_count++, command->id);
    snprintf(command->type, sizeof command->type, "%s", type);
    return command;
}

static struct request *make_need(struct chaos_client *client)
{
    size_t number = client->command_count;
    struct request *command = add_command(client, "need.put");
    uint64_t kind = random_below(&client->random, PLENTY_COUNT + SCARCE_COUNT);
    bool is_plenty = kind < PLENTY_COUNT;

    snprintf(command->body, sizeof command->body,
             "{\"need\":\"%s-%zu\",\"party\":\"%s\",\"product\":\"%s%" PRIu64
             "\",\"quantity\":%" PRIu64 ",\"class\":%" PRIu64 "}",
             client->name, number, client->name, is_plenty ? "plenty" : "scarce",
             is_plenty ? kind : kind - PLENTY_COUNT, 1 + random_below(&client->random, 1000),
             1 + random_below(&client->random, 5));
    return command;
}

static struct request *make_offer(struct chaos_client *client)
{
    size_t number = client->command_count;
    struct request *command = add_command(client, "offer.put");

    snprintf(command->body, sizeof command->body,
             "{\"offer\":\"%s-%zu\",\"party\":\"%s\",\"product\":\"scarce%" PRIu64
             "\",\"kind\":\"stock\",\"quantity\":%" PRIu64 "}",
             client->name, number, client->name, random_below(&client->random, SCARCE_COUNT),
             1 + random_below(&client->random, 3000));
    return command;
}

static struct request *make_capacity(struct chaos_client *client)
{
    size_t place = 0;

    if (!choose(client, &client->offers, &place)) {
        return NULL;
    }
    uint64_t offer = client->offers.values[place];
    struct request *command = add_command(client, "capacity.put");
    snprintf(command->body, sizeof command->body,
             "{\"offer\":\"%s-%" PRIu64 "\",\"per_day\":%" PRIu64 "}", client->name, offer,
             random_below(&client->random, 3000));
    return command;
}

static struct request *make_cancel(struct chaos_client *client)
{
    size_t place = 0;

    if (!choose(client, &client->needs, &place)) {
        return NULL;
    }
    uint64_t need = client->needs.values[place];
    client->needs.values[place] = client->needs.values[--client->needs.count]; /* Only once. */
    struct request *command = add_command(client, "need.cancel");
    snprintf(command->body, sizeof command->body, "{\"need\":\"%s-%" PRIu64 "\"}", client->name,
             need);
    return command;
}

/* What is scarce is declined now and then; what is plenty never, so that all of it is served. */
static struct request *make_answer(struct chaos_client *client)
{
    if (client->proposal_count == 0) {
        return NULL;
    }
    const struct proposal *proposal = &client->proposals[--client->proposal_count];
    bool is_no = proposal->is_scarce && random_below(&client->random, 4) == 0;
    struct request *command =
        add_command(client, is_no ? "assignment.decline" : "assignment.accept");
    snprintf(command->body, sizeof command->body, "{\"assignment\":%" PRIu64 ",\"party\":\"%s\"%s}",
             proposal->number, client->name, is_no ? ",\"reason\":\"price\"" : "");
    return command;
}

static struct request *make_command(struct chaos_client *client)
{
    uint64_t chance = random_below(&client->random, 100);
    struct request *command = NULL;

    if (chance < 10) {
        command = make_offer(client);
    } else if (chance < 15) {
        command = make_capacity(client);
    } else if (chance < 20) {
        command = make_cancel(client);
    } else if (chance < 50) {
        command = make_answer(client);
    }
    return command != NULL ? command : make_need(client);
}

/* --- Submitting ------------------------------------------------------------------------------ */

static void learn(struct chaos_client *client, size_t number)
{
    const struct request *command = &client->commands[number];

    if (strcmp(command->type, "need.put") == 0) {
        remember(&client->needs, number);
    } else if (strcmp(command->type, "offer.put") == 0) {
        remember(&client->offers, number);
    }
}

static void on_answer(const struct maillon_answer *answer, void *user)
{
    struct chaos_client *client = user;
    size_t number = number_of(answer->id);
    struct request *command = &client->commands[number];
    char id[2 * MAILLON_ID_SIZE + 1];
    char chain[2 * MAILLON_CHAIN_SIZE + 1];

    client->in_flight--;
    command->is_in_flight = false;
    if (answer->status == MAILLON_TRY_AGAIN || answer->status == MAILLON_UNREACHABLE) {
        return;
    }
    bool is_ok = answer->status == MAILLON_OK;
    note(client, "answer", "%s %s%s %" PRIu64 " %s %d", hex(answer->id, sizeof answer->id, id),
         is_ok ? "ok" : "refused:", answer->code, answer->position,
         hex(answer->chain, sizeof answer->chain, chain), answer->is_quarantined);
    if (!command->is_answered) {
        command->is_answered = true;
        learn(client, number);
    }
}

/* False when the library takes no more for now. */
static bool submit(struct chaos_client *client, struct request *command)
{
    enum maillon_status status = maillon_submit_json(client->connection, command->type, command->id,
                                                     command->body, on_answer, client, NULL);

    if (status == MAILLON_OK) {
        command->is_in_flight = true;
        client->in_flight++;
    } else if (status != MAILLON_TRY_AGAIN) {
        note(client, "broken", "submit %s", maillon_status_name(status));
        exit(EXIT_FAILURE);
    }
    return status == MAILLON_OK;
}

/* What an earlier life, or the library, left without an answer. */
static void submit_open(struct chaos_client *client)
{
    while (client->first_open < client->command_count &&
           client->commands[client->first_open].is_answered) {
        client->first_open++;
    }
    for (size_t i = client->first_open; i < client->command_count; i++) {
        struct request *command = &client->commands[i];
        if (client->in_flight >= IN_FLIGHT_MAX) {
            return;
        }
        if (!command->is_answered && !command->is_in_flight && !submit(client, command)) {
            return;
        }
    }
}

static void submit_again(struct chaos_client *client)
{
    struct request *command =
        &client->commands[random_below(&client->random, client->command_count)];

    if (command->is_answered && !command->is_in_flight) {
        submit(client, command);
    }
}

static void submit_new(struct chaos_client *client)
{
    char id[2 * MAILLON_ID_SIZE + 1];
    const struct request *command = make_command(client);

    note(client, "sent", "%s %s %s", hex(command->id, sizeof command->id, id), command->type,
         command->body);
}

static void submit_some(struct chaos_client *client)
{
    uint64_t due =
        client->begun_count + client->per_second * (now_us() - client->begun_us) / 1000000;

    submit_open(client);
    while (!is_finishing && client->command_count < due && client->in_flight < IN_FLIGHT_MAX) {
        if (client->command_count > 0 && random_below(&client->random, AGAIN_OF) == 0) {
            submit_again(client);
        }
        submit_new(client);
        submit_open(client);
    }
}

/* --- Following ------------------------------------------------------------------------------- */

static bool is_me(const struct chaos_client *client, struct bytes party)
{
    return bytes_equal(party, bytes_from_text(client->name));
}

static void look_at_assignment(struct chaos_client *client, struct bytes body)
{
    struct assignment_event event;
    struct refusal refusal;

    arena_reset(&client->arena);
    EXPECT_OK(proto_decode(&ASSIGNMENT, body, &client->arena, &event, &refusal));
    bool is_mine = is_me(client, event.requester) || is_me(client, event.offerer);
    if (is_mine && event.state == ASSIGNMENT_PROPOSED && client->proposal_count < KNOWN_COUNT) {
        client->proposals[client->proposal_count++] = (struct proposal){
            .number = event.assignment, .is_scarce = event.product.data[0] == 's'};
    }
}

static void take_event(struct chaos_client *client, const struct maillon_event *event)
{
    char *json = NULL;

    EXPECT_TRUE(maillon_to_json(event->body, event->size, &json) == MAILLON_OK);
    note(client, "event", "%" PRIu64 " %s", event->seq, json);
    free(json);
    client->seq = event->seq;
    if (event->kind == MAILLON_ASSIGNMENT) {
        look_at_assignment(client, (struct bytes){event->body, event->size});
    }
}

static enum maillon_status on_event(const struct maillon_event *event, void *user)
{
    struct chaos_client *client = user;

    switch (event->kind) {
    case MAILLON_ASSIGNMENT:
    case MAILLON_ANSWERED:
        take_event(client, event);
        break;
    case MAILLON_HEAD:
        if (event->seq != client->head) {
            note(client, "head", "%" PRIu64, event->seq);
        }
        client->head = event->seq;
        break;
    case MAILLON_RESET:
        note(client, "broken", "reset to %" PRIu64, event->seq);
        break;
    }
    return MAILLON_OK;
}

/* --- Lives ----------------------------------------------------------------------------------- */

static void recall_sent(struct chaos_client *client, const char *rest)
{
    struct request *command = add_command(client, "");

    EXPECT_EQ(sscanf(rest, "%*s %23s %199[^\n]", command->type, command->body), 2);
}

static void recall_answer(const struct chaos_client *client, const char *rest)
{
    char id[9] = "";

    EXPECT_EQ(sscanf(rest, "%8s", id), 1);
    client->commands[strtoul(id, NULL, 16)].is_answered = true;
}

static void recall_line(struct chaos_client *client, const char *line)
{
    char kind[16] = "";
    int at = 0;

    EXPECT_EQ(sscanf(line, "%15s %*s %n", kind, &at), 1);
    if (strcmp(kind, "sent") == 0) {
        recall_sent(client, line + at);
    } else if (strcmp(kind, "answer") == 0) {
        recall_answer(client, line + at);
    } else if (strcmp(kind, "event") == 0) {
        client->seq = strtoull(line + at, NULL, 10);
    }
}

/* What earlier lives wrote. A line that a kill cut short never happened. */
static void recall(struct chaos_client *client, const char *path)
{
    static char line[LINE_SIZE];
    FILE *file = fopen(path, "re");
    off_t size = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL && strchr(line, '\n') != NULL) {
        size = ftello(file);
        recall_line(client, line);
    }
    if (file != NULL) {
        fclose(file);
    }
    client->file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    EXPECT_TRUE(client->file >= 0 && ftruncate(client->file, size) == 0);
}

static void live(struct chaos_client *client, const char *party)
{
    struct maillon_filter filter = {.size = sizeof filter, .party = party};
    enum maillon_status status = maillon_subscribe(
        client->connection, party[0] != '\0' ? &filter : NULL, client->seq, on_event, client);

    note(client, "start", "%" PRIu64, client->seq);
    client->begun_us = now_us();
    client->begun_count = client->command_count;
    while (status == MAILLON_OK && !is_ended) {
        submit_some(client);
        status = maillon_wait(client->connection, WAIT_MS);
    }
    if (status != MAILLON_OK) {
        note(client, "broken", "%s", maillon_status_name(status));
    }
}

int main(int argc, char **argv)
{
    static struct chaos_client client;
    struct sigaction action = {.sa_handler = on_signal};

    if (argc != 10) {
        fprintf(stderr, "usage: chaos_client NAME PARTY SEED PER_SECOND GATEWAY DISPATCH FILE KEY "
                        "SERVER_KEY\n");
        return MAILLON_USAGE;
    }
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    client.name = argv[1];
    client.per_second = strtoull(argv[4], NULL, 10);
    client.commands = calloc(COMMAND_COUNT_MAX, sizeof *client.commands);
    EXPECT_TRUE(client.commands != NULL);
    recall(&client, argv[7]);
    client.random = strtoull(argv[3], NULL, 10) + client.command_count;
    struct maillon_options options = {.size = sizeof options,
                                      .gateway = argv[5],
                                      .dispatch = argv[6],
                                      .key = argv[8],
                                      .server_key = argv[9],
                                      .timeout_ms = 2000,
                                      .window = IN_FLIGHT_MAX};
    EXPECT_TRUE(maillon_open(&options, &client.connection) == MAILLON_OK);
    live(&client, argv[2]);
    maillon_close(client.connection);
    arena_deinit(&client.arena);
    free(client.commands);
    return 0;
}
