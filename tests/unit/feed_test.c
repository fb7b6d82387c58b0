/*
 * feed_test.c - who follows a feed takes what makes sense, and counts the rest.
 */
#include "node/feed.h"

#include "node/port.h"
#include "node/socket_path.h"
#include "proto/messages.h"
#include "tests/harness.h"

#include <unistd.h>

#define ROLE "match"
#define PARTITION 3
#define EPOCH 77
#define ASKED 3
#define ID_SIZE sizeof(uint64_t)
#define PATIENCE_MS 20000
#define STEP_MS 5

/* A role that is played by the case, and who follows it. */
struct bench {
    char directory[32];
    struct loop *loop;
    struct feed_options options;
    struct port *feed;
    struct port *control;
    uint8_t peer[64]; /* Who asked last. */
    size_t peer_size;
    struct follower *follower;
    uint64_t ask_count, head_count, entries_count;
    struct journal_head head;
    uint64_t from;
    void (*say)(struct bench *bench); /* What the role says at each step. */
    bool (*is_done)(const struct bench *bench);
    uint64_t steps;
};

static void on_request(void *context, const struct port_message *message)
{
    struct bench *bench = context;

    memcpy(bench->peer, message->frames[0].data, message->frames[0].size);
    bench->peer_size = message->frames[0].size;
    bench->ask_count++;
}

static void on_nothing(void *context, const struct port_message *message)
{
    (void)context;
    (void)message;
}

static void on_head(void *context, const struct journal_head *head, uint64_t from)
{
    struct bench *bench = context;

    bench->head = *head;
    bench->from = from;
    bench->head_count++;
}

static void on_entries(void *context, struct bytes stored)
{
    struct bench *bench = context;

    EXPECT_TEXT(stored, "entries");
    bench->entries_count++;
}

static void play(struct bench *bench, enum port_kind kind, const char *what, struct port **port)
{
    char endpoint[SOCKET_ENDPOINT_SIZE];
    struct port_options options = {
        .kind = kind,
        .endpoint = endpoint,
        .send_count_max = 1000,
        .receive_count_max = 1000,
        .receive = kind == PORT_ROUTER ? on_request : on_nothing,
        .context = bench,
    };

    EXPECT_OK(socket_endpoint(bench->directory, ROLE, what, endpoint));
    EXPECT_OK(port_open(bench->loop, &options, port));
}

static void bench_open(struct bench *bench)
{
    const struct follower_events events = {bench, on_head, on_entries};

    *bench = (struct bench){.directory = "/tmp/maillon-feed-XXXXXX"};
    EXPECT_TRUE(mkdtemp(bench->directory) != NULL);
    EXPECT_OK(loop_open(&bench->loop));
    bench->options = (struct feed_options){
        .loop = bench->loop, .run_path = bench->directory, .role = ROLE, .partition = PARTITION};
    play(bench, PORT_PUB, "feed", &bench->feed);
    play(bench, PORT_ROUTER, "control", &bench->control);
    EXPECT_OK(follower_open(&bench->options, &events, &bench->follower));
}

static void remove_socket(const struct bench *bench, const char *what)
{
    char path[SOCKET_PATH_SIZE];

    EXPECT_OK(socket_path(bench->directory, ROLE, what, path));
    unlink(path);
}

static void bench_close(struct bench *bench)
{
    follower_close(bench->follower);
    port_close(bench->feed);
    port_close(bench->control);
    loop_close(bench->loop);
    remove_socket(bench, "feed");
    remove_socket(bench, "control");
    EXPECT_EQ(rmdir(bench->directory), 0);
}

static void look(void *context)
{
    struct bench *bench = context;

    EXPECT_TRUE(bench->steps++ < PATIENCE_MS / STEP_MS);
    if (bench->is_done(bench)) {
        loop_stop(bench->loop);
    } else if (bench->say != NULL) {
        bench->say(bench);
    }
}

static void run_until(struct bench *bench, bool (*is_done)(const struct bench *bench),
                      void (*say)(struct bench *bench))
{
    struct timer *timer = loop_timer(bench->loop, look, bench);

    bench->is_done = is_done;
    bench->say = say;
    bench->steps = 0;
    timer_start(timer, 0, STEP_MS);
    loop_run(bench->loop);
    timer_stop(timer);
}

static void publish(struct bench *bench, const char *const texts[], size_t count)
{
    uint8_t topic[4];
    struct bytes frames[PORT_FRAME_COUNT_MAX] = {{topic, sizeof topic}};

    store_u32_be(topic, PARTITION);
    for (size_t i = 0; i < count; i++) {
        frames[1 + i] = bytes_from_text(texts[i]);
    }
    EXPECT_OK(port_send(bench->feed, frames, 1 + count));
}

/* Five messages, of which one makes sense. */
static void publish_nonsense(struct bench *bench)
{
    static const char *const said[] = {"e", "entries", "more"};
    static const char *const head[] = {"h", "no head"};
    static const char *const other[] = {"gossip", "entries"};

    publish(bench, said, 0);
    publish(bench, said, 1);
    publish(bench, said, 3);
    publish(bench, head, 2);
    publish(bench, other, 2);
    publish(bench, said, 2);
}

static bool has_entries(const struct bench *bench)
{
    return bench->entries_count > 0;
}

static void what_is_published_and_makes_no_sense_is_counted_and_passed_over(void)
{
    struct bench bench;

    bench_open(&bench);
    run_until(&bench, has_entries, publish_nonsense);
    struct follower_figures figures = follower_figures(bench.follower);
    EXPECT_TRUE(figures.malformed >= 5);
    EXPECT_EQ(figures.live_bytes, bench.entries_count * strlen("entries"));
    EXPECT_EQ(bench.head_count, 0);
    bench_close(&bench);
}

static bool was_asked(const struct bench *bench)
{
    return bench->ask_count > 0;
}

static void ask_again(struct bench *bench)
{
    follower_tick(bench->follower);
}

/* The id says which entry was asked for. */
static void answer(struct bench *bench, const char *type, size_t id_size, struct bytes body,
                   size_t frame_count)
{
    uint8_t asked[sizeof(uint64_t)];
    struct header header = {
        .version = PROTO_VERSION, .type = bytes_from_text(type), .id = {asked, id_size}};
    struct buffer encoded = {0};

    store_u64(asked, ASKED);

    proto_encode(&HEADER, &header, &encoded);
    struct bytes frames[] = {{bench->peer, bench->peer_size}, buffer_view(&encoded), body, body};
    EXPECT_OK(port_send(bench->control, frames, frame_count));
    buffer_deinit(&encoded);
}

static void answer_nonsense(struct bench *bench)
{
    struct entries entries = {
        .epoch = EPOCH, .oldest = 1, .last = 5, .data = bytes_from_text("entries")};
    struct buffer body = {0};
    struct bytes nonsense = bytes_from_text("nonsense");
    struct bytes frames[] = {{bench->peer, bench->peer_size}, nonsense, nonsense};

    proto_encode(&ENTRIES, &entries, &body);
    answer(bench, ENTRIES.name, ID_SIZE, nonsense, 2);
    answer(bench, ENTRIES.name, ID_SIZE, nonsense, 3);
    answer(bench, ENTRIES.name, ID_SIZE, buffer_view(&body), 4);
    answer(bench, ENTRIES.name, ID_SIZE - 1, buffer_view(&body), 3);
    answer(bench, ROWS.name, ID_SIZE, buffer_view(&body), 3);
    EXPECT_OK(port_send(bench->control, frames, COUNT_OF(frames)));
    answer(bench, ENTRIES.name, ID_SIZE, buffer_view(&body), 3);
    buffer_deinit(&body);
}

static void an_answer_that_makes_no_sense_is_counted_and_passed_over(void)
{
    struct bench bench;

    bench_open(&bench);
    follower_ask(bench.follower, ASKED);
    run_until(&bench, was_asked, ask_again);
    answer_nonsense(&bench);
    run_until(&bench, has_entries, NULL);
    struct follower_figures figures = follower_figures(bench.follower);
    EXPECT_EQ(figures.asks, 1);
    EXPECT_EQ(figures.malformed, 6);
    EXPECT_EQ(figures.replays, 1);
    EXPECT_EQ(bench.head_count, 1);
    EXPECT_EQ(bench.head.epoch, EPOCH);
    EXPECT_EQ(bench.head.last, 5);
    EXPECT_EQ(bench.from, ASKED);
    EXPECT_EQ(bench.entries_count, 1);
    bench_close(&bench);
}

static void a_feed_needs_its_run_directory(void)
{
    struct feed_options options = {.run_path = "/nowhere", .role = ROLE, .partition = PARTITION};
    struct feed *feed = NULL;

    EXPECT_OK(loop_open(&options.loop));
    EXPECT_STATUS(feed_open(&options, &feed), STATUS_IO);
    EXPECT_TRUE(feed == NULL);
    loop_close(options.loop);
}

/* A run directory in which the path of socket "match.WHAT" is one byte too long. */
static void expect_too_long(struct bench *bench, const char *what, bool is_feed_good)
{
    const struct follower_events events = {bench, on_head, on_entries};
    char run_path[SOCKET_PATH_SIZE] = {0};
    struct feed_options options = bench->options;
    struct follower *follower = NULL;
    struct feed *feed = NULL;

    memset(run_path, 'r', SOCKET_PATH_SIZE - strlen("/" ROLE ".") - strlen(what));
    options.run_path = run_path;
    EXPECT_STATUS(follower_open(&options, &events, &follower), STATUS_TOO_LARGE);
    if (!is_feed_good) {
        EXPECT_STATUS(feed_open(&options, &feed), STATUS_TOO_LARGE);
    }
}

static void a_run_directory_whose_sockets_would_have_too_long_a_path_is_refused(void)
{
    struct bench bench;

    bench_open(&bench);
    expect_too_long(&bench, "feed", false);
    expect_too_long(&bench, "control", true);
    bench_close(&bench);
}

static void what_was_never_opened_can_be_closed_and_has_no_figures(void)
{
    feed_close(NULL);
    follower_close(NULL);
    port_close(NULL);
    loop_close(NULL);
    EXPECT_EQ(follower_figures(NULL).asks, 0);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(what_is_published_and_makes_no_sense_is_counted_and_passed_over),
        CASE(an_answer_that_makes_no_sense_is_counted_and_passed_over),
        CASE(a_feed_needs_its_run_directory),
        CASE(a_run_directory_whose_sockets_would_have_too_long_a_path_is_refused),
        CASE(what_was_never_opened_can_be_closed_and_has_no_figures),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
