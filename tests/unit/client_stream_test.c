/*
 * client_stream_test.c - what libmaillon promises of the stream of events.
 */
#include "tests/unit/client_mock.h"

#include <poll.h>

/* The stream. */

static struct {
    size_t count; /* Of events with a body. */
    size_t head_count, reset_count;
    uint64_t seqs[MESSAGE_COUNT_MAX];
    uint64_t news_seq;
    uint64_t stop_at; /* This event is not done with. */
    enum maillon_event_kind kind;
} received;

static enum maillon_status on_event(const struct maillon_event *event, void *user)
{
    (void)user;
    received.kind = event->kind;
    if (event->kind == MAILLON_HEAD || event->kind == MAILLON_RESET) {
        received.head_count += event->kind == MAILLON_HEAD;
        received.reset_count += event->kind == MAILLON_RESET;
        received.news_seq = event->seq;
        return MAILLON_OK;
    }
    if (event->seq == received.stop_at) {
        return MAILLON_TRY_AGAIN;
    }
    received.seqs[received.count++] = event->seq;
    return MAILLON_OK;
}

/* Events with these positions in one message; kinds take turns. */
static void send_events(struct mock *mock, const uint64_t *seqs, size_t count)
{
    struct arena arena = {0};
    struct raw_item *items = arena_take(&arena, count * sizeof *items);

    for (size_t i = 0; i < count; i++) {
        items[i].value = event_value(&arena, seqs[i] % 2 == 0 ? "answer" : "assignment", seqs[i]);
    }
    struct event event = {.events = {items, count}};
    mock_send(mock, &EVENT, &event);
    arena_deinit(&arena);
}

static void send_head(struct mock *mock, uint64_t seq)
{
    struct stream_head head = {.seq = seq, .oldest = 1};

    mock_send(mock, &STREAM_HEAD, &head);
}

static struct subscribe subscription_of(struct mock *mock)
{
    struct subscribe subscribe;
    struct refusal refusal;

    EXPECT_TEXT(mock->header.type, "subscribe");
    EXPECT_OK(proto_decode(&SUBSCRIBE, mock->body, &mock->arena, &subscribe, &refusal));
    return subscribe;
}

static struct credit credit_of(struct mock *mock)
{
    struct credit credit;
    struct refusal refusal;

    EXPECT_TEXT(mock->header.type, "credit");
    EXPECT_OK(proto_decode(&CREDIT, mock->body, &mock->arena, &credit, &refusal));
    return credit;
}

/* A dispatcher and a client that has subscribed to it. */
static void stream_open(struct pair *pair, uint64_t after)
{
    memset(&received, 0, sizeof received);
    pair_open(pair, "dispatch", 0);
    EXPECT_EQ(maillon_subscribe(pair->connection, NULL, after, on_event, NULL), MAILLON_OK);
    await(pair->connection, &pair->mock);
    EXPECT_EQ(subscription_of(&pair->mock).after, after);
}

/* Credit may come first, as events are done with. */
static void await_subscription(struct pair *pair)
{
    do {
        await(pair->connection, &pair->mock);
    } while (bytes_equal(pair->mock.header.type, bytes_from_text("credit")));
    EXPECT_TEXT(pair->mock.header.type, "subscribe");
}

static void events_come_in_order_each_once(void)
{
    static const uint64_t first[] = {5, 6, 9}, second[] = {6, 9, 12, 11, 300};
    static const uint64_t expected[] = {5, 6, 9, 12, 300};
    struct pair pair;

    stream_open(&pair, 3);
    send_events(&pair.mock, first, COUNT_OF(first));
    send_events(&pair.mock, second, COUNT_OF(second));
    send_head(&pair.mock, 310);
    await_count(pair.connection, &received.head_count, 1);
    EXPECT_EQ(received.count, COUNT_OF(expected));
    EXPECT_EQ(memcmp(received.seqs, expected, sizeof expected), 0);
    EXPECT_EQ(received.news_seq, 310);
    pair_close(&pair);
}

static void a_filter_is_told_to_the_dispatcher(void)
{
    struct pair pair;
    struct maillon_filter filter = {.size = sizeof filter, .party = "chu-1", .offer = "o-7"};
    struct maillon_filter empty = {.size = sizeof empty, .need = ""};

    stream_open(&pair, 0);
    EXPECT_EQ(maillon_subscribe(pair.connection, &filter, 17, on_event, NULL), MAILLON_OK);
    await(pair.connection, &pair.mock);
    struct subscribe subscribe = subscription_of(&pair.mock);
    EXPECT_EQ(subscribe.after, 17);
    EXPECT_TEXT(subscribe.party, "chu-1");
    EXPECT_TEXT(subscribe.product, "");
    EXPECT_TEXT(subscribe.offer, "o-7");
    EXPECT_EQ(maillon_subscribe(pair.connection, &empty, 0, on_event, NULL), MAILLON_USAGE);
    pair_close(&pair);
}

static void a_subscription_that_makes_no_sense_is_refused_and_ends_the_one_before(void)
{
    char long_id[ID_SIZE_MAX + 2];
    struct maillon_filter filter = {.size = sizeof filter};
    struct pair pair;

    memset(long_id, 'x', sizeof long_id);
    long_id[sizeof long_id - 1] = '\0';
    stream_open(&pair, 0);
    for (int i = 0; i < 5; i++) {
        struct maillon_filter bad = filter;
        bad.size = i == 0 ? 0 : i == 1 ? sizeof bad + 1 : bad.size;
        bad.need = i == 2 ? "" : i == 3 ? long_id : NULL;
        EXPECT_EQ(maillon_subscribe(pair.connection, &filter, 3, on_event, NULL), MAILLON_OK);
        EXPECT_EQ(maillon_subscribe(pair.connection, &bad, 3, i == 4 ? NULL : on_event, NULL),
                  MAILLON_USAGE);
    }
    for (int i = 0; i < 20; i++) { /* Nobody is subscribed, so the dispatcher is told nothing. */
        EXPECT_EQ(maillon_wait(pair.connection, TURN_MS), MAILLON_OK);
        EXPECT_TRUE(!mock_receive(&pair.mock));
    }
    pair_close(&pair);
}

static void credit_comes_back_as_events_are_done_with(void)
{
    struct pair pair;
    uint64_t seqs[EVENTS_PER_MESSAGE_MAX];
    uint64_t given = 0;
    uint64_t seq = 0;

    stream_open(&pair, 0);
    for (size_t message = 0; message < 4; message++) {
        for (size_t i = 0; i < COUNT_OF(seqs); i++) {
            seqs[i] = ++seq;
        }
        send_events(&pair.mock, seqs, COUNT_OF(seqs));
    }
    while (given < EVENT_CREDIT) {
        await(pair.connection, &pair.mock);
        struct credit credit = credit_of(&pair.mock);
        given += credit.n;
        EXPECT_EQ(credit.ack, given);
    }
    EXPECT_EQ(given, EVENT_CREDIT);
    pair_close(&pair);
}

static void the_descriptor_tells_until_all_is_taken_in(void)
{
    struct pair pair;
    size_t total = 3 * MESSAGES_PER_TURN_MAX;

    stream_open(&pair, 0);
    for (uint64_t seq = 1; seq <= total; seq++) {
        send_events(&pair.mock, &seq, 1);
    }
    while (received.count < total) {
        struct pollfd descriptor = {.fd = maillon_fd(pair.connection), .events = POLLIN};
        EXPECT_EQ(poll(&descriptor, 1, TURN_MS * TURN_COUNT_MAX), 1);
        EXPECT_EQ(maillon_process(pair.connection), MAILLON_OK);
    }
    EXPECT_EQ(received.seqs[total - 1], total);
    pair_close(&pair);
}

static void after_a_restart_the_stream_goes_on_behind_the_last_event(void)
{
    static const uint64_t before[] = {1, 2, 3}, after[] = {3, 4};
    struct pair pair;

    stream_open(&pair, 0);
    send_events(&pair.mock, before, COUNT_OF(before));
    await_count(pair.connection, &received.count, 3);
    mock_stop(&pair.mock);
    mock_start(&pair.mock);
    await_subscription(&pair);
    EXPECT_EQ(subscription_of(&pair.mock).after, 3);
    send_events(&pair.mock, after, COUNT_OF(after));
    await_count(pair.connection, &received.count, 4);
    EXPECT_EQ(received.seqs[3], 4);
    pair_close(&pair);
}

static void silence_makes_the_subscription_anew(void)
{
    static const uint64_t seqs[] = {8};
    struct pair pair;

    stream_open(&pair, 7);
    send_events(&pair.mock, seqs, COUNT_OF(seqs));
    await_count(pair.connection, &received.count, 1);
    await(pair.connection, &pair.mock);
    EXPECT_EQ(credit_of(&pair.mock).n, 1);
    EXPECT_TRUE(maillon_timeout_ms(pair.connection) > 0);
    shift_ms += SILENCE_MS;
    EXPECT_EQ(maillon_timeout_ms(pair.connection), 0);
    await(pair.connection, &pair.mock);
    EXPECT_EQ(subscription_of(&pair.mock).after, 8);
    pair_close(&pair);
}

static void a_reset_is_told_and_ends_the_subscription(void)
{
    static const uint64_t seqs[] = {100};
    struct reset reset = {.oldest = 50, .last = 90, .why = bytes_from_text("trimmed")};
    struct pair pair;

    stream_open(&pair, 7);
    mock_send(&pair.mock, &RESET, &reset);
    send_events(&pair.mock, seqs, COUNT_OF(seqs));
    await_count(pair.connection, &received.reset_count, 1);
    EXPECT_EQ(received.news_seq, 49);
    EXPECT_EQ(maillon_subscribe(pair.connection, NULL, 49, on_event, NULL), MAILLON_OK);
    await(pair.connection, &pair.mock);
    EXPECT_EQ(subscription_of(&pair.mock).after, 49);
    EXPECT_EQ(received.count, 0);
    pair_close(&pair);
}

static void an_event_not_done_with_comes_again_with_the_next_subscription(void)
{
    static const uint64_t seqs[] = {1, 2, 3, 4};
    struct pair pair;

    stream_open(&pair, 0);
    received.stop_at = 3;
    send_events(&pair.mock, seqs, COUNT_OF(seqs));
    send_head(&pair.mock, 4);
    await_count(pair.connection, &received.count, 2);
    received.stop_at = 0;
    EXPECT_EQ(maillon_subscribe(pair.connection, NULL, 2, on_event, NULL), MAILLON_OK);
    await(pair.connection, &pair.mock);
    EXPECT_EQ(subscription_of(&pair.mock).after, 2);
    EXPECT_EQ(received.head_count, 0);
    send_events(&pair.mock, seqs, COUNT_OF(seqs));
    await_count(pair.connection, &received.count, 4);
    EXPECT_EQ(received.seqs[2], 3);
    pair_close(&pair);
}

static void an_event_of_a_later_version_is_passed_over(void)
{
    static const uint64_t seqs[] = {4};
    struct pair pair;
    struct arena arena = {0};
    struct raw_item item = {.value = event_value(&arena, "novelty", 3)};
    struct event event = {.events = {&item, 1}};

    stream_open(&pair, 0);
    mock_send(&pair.mock, &EVENT, &event);
    send_events(&pair.mock, seqs, COUNT_OF(seqs));
    await_count(pair.connection, &received.count, 1);
    EXPECT_EQ(received.seqs[0], 4);
    EXPECT_EQ(received.kind, MAILLON_ANSWERED);
    arena_deinit(&arena);
    pair_close(&pair);
}

static void a_refused_subscription_is_the_status_of_a_turn(void)
{
    struct refused refused = {.code = bytes_from_text(CODE_DENIED)};
    enum maillon_status status = MAILLON_OK;
    struct pair pair;

    stream_open(&pair, 0);
    mock_send(&pair.mock, &REFUSED, &refused);
    for (int i = 0; i < TURN_COUNT_MAX && status == MAILLON_OK; i++) {
        status = maillon_wait(pair.connection, TURN_MS);
    }
    EXPECT_EQ(status, MAILLON_DENIED);
    EXPECT_EQ(maillon_wait(pair.connection, 0), MAILLON_OK);
    pair_close(&pair);
}

static void a_full_dispatcher_is_asked_again_after_its_hint(void)
{
    struct refused refused = {.code = bytes_from_text(CODE_FULL), .retry_after_ms = 20};
    struct pair pair;

    stream_open(&pair, 6);
    mock_send(&pair.mock, &REFUSED, &refused);
    await(pair.connection, &pair.mock);
    EXPECT_EQ(subscription_of(&pair.mock).after, 6);
    pair_close(&pair);
}

static enum maillon_status count_event(const struct maillon_event *event, void *user)
{
    uint64_t *last = user;

    if (event->kind == MAILLON_ASSIGNMENT || event->kind == MAILLON_ANSWERED) {
        EXPECT_TRUE(event->seq > *last);
        *last = event->seq;
        received.count++;
    }
    return MAILLON_OK;
}

static void a_mad_dispatcher_is_survived(void)
{
    struct pair pair;
    uint64_t random = test_seed = SEED + 1;
    uint64_t last = 0;

    stream_open(&pair, 0);
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 50; i++) {
            send_hostile(&pair.mock, &random);
        }
        for (int i = 0; i < 3; i++) { /* Some of it, if not all. */
            maillon_wait(pair.connection, TURN_MS);
        }
        EXPECT_EQ(maillon_subscribe(pair.connection, NULL, 0, on_event, NULL), MAILLON_OK);
        await_subscription(&pair);
        received.count = 0;
    }
    last = 0;
    received.count = 0;
    EXPECT_EQ(maillon_subscribe(pair.connection, NULL, 0, count_event, &last), MAILLON_OK);
    await_subscription(&pair);
    send_events(&pair.mock, (const uint64_t[]){1, 2}, 2);
    await_count(pair.connection, &received.count, 2);
    EXPECT_TRUE(pair.connection->nonsense_count > 1000);
    test_seed = 0;
    pair_close(&pair);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(events_come_in_order_each_once),
        CASE(a_filter_is_told_to_the_dispatcher),
        CASE(a_subscription_that_makes_no_sense_is_refused_and_ends_the_one_before),
        CASE(credit_comes_back_as_events_are_done_with),
        CASE(the_descriptor_tells_until_all_is_taken_in),
        CASE(after_a_restart_the_stream_goes_on_behind_the_last_event),
        CASE(silence_makes_the_subscription_anew),
        CASE(a_reset_is_told_and_ends_the_subscription),
        CASE(an_event_not_done_with_comes_again_with_the_next_subscription),
        CASE(an_event_of_a_later_version_is_passed_over),
        CASE(a_refused_subscription_is_the_status_of_a_turn),
        CASE(a_full_dispatcher_is_asked_again_after_its_hint),
        CASE(a_mad_dispatcher_is_survived),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
