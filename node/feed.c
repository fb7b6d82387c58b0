/*
 * feed.c - how entries travel from one role to the next.
 */
#include "node/feed.h"

#include "node/port.h"
#include "node/socket_path.h"
#include "proto/messages.h"

#include <stdlib.h>
#include <string.h>

#define TOPIC_SIZE 4
#define SILENCE_MS 1000
#define LIVE_COUNT_MAX 256 /* Messages that wait for a follower; the rest it asks for. */
#define ASK_COUNT_MAX 8
#define REPLAY_SIZE ((uint64_t)512 * 1024) /* Asked for at a time. */

static const struct bytes kind_entries = {(const uint8_t *)"e", 1};
static const struct bytes kind_head = {(const uint8_t *)"h", 1};

/* --- Who writes ------------------------------------------------------------------------ */

struct feed {
    struct loop *loop;
    struct port *port;
    uint8_t topic[TOPIC_SIZE];
    uint64_t published_ms;
    struct buffer scratch;
};

static void ignore(void *context, const struct port_message *message)
{
    (void)context;
    (void)message;
}

enum status feed_open(const struct feed_options *options, struct feed **feed)
{
    char endpoint[SOCKET_ENDPOINT_SIZE];
    enum status status = socket_endpoint(options->run_path, options->role, "feed", endpoint);
    struct port_options port_options = {
        .kind = PORT_PUB,
        .endpoint = endpoint,
        .send_count_max = LIVE_COUNT_MAX,
        .receive_count_max = LIVE_COUNT_MAX,
        .receive = ignore,
    };

    if (status != STATUS_OK) {
        return status;
    }
    struct feed *opened = memory_take(1, sizeof *opened);
    status = port_open(options->loop, &port_options, &opened->port);
    if (status != STATUS_OK) {
        free(opened);
        return status;
    }
    opened->loop = options->loop;
    store_u32_be(opened->topic, options->partition);
    *feed = opened;
    return STATUS_OK;
}

void feed_close(struct feed *feed)
{
    if (feed == NULL) {
        return;
    }
    port_close(feed->port);
    buffer_deinit(&feed->scratch);
    free(feed);
}

static void publish(struct feed *feed, struct bytes kind, struct bytes payload)
{
    struct bytes frames[] = {{feed->topic, TOPIC_SIZE}, kind, payload};
    enum status ignored = port_send(feed->port, frames, COUNT_OF(frames));

    (void)ignored; /* It is a hint. */
    feed->published_ms = loop_now_ms(feed->loop);
}

void feed_publish(struct feed *feed, struct bytes stored)
{
    publish(feed, kind_entries, stored);
}

void feed_tell_head(struct feed *feed, const struct journal_head *head)
{
    struct feed_head message = {.epoch = head->epoch, .oldest = head->oldest, .last = head->last};

    if (loop_now_ms(feed->loop) - feed->published_ms >= SILENCE_MS) {
        feed->scratch.size = 0;
        proto_encode(&FEED_HEAD, &message, &feed->scratch);
        publish(feed, kind_head, buffer_view(&feed->scratch));
    }
}

/* --- Who follows ----------------------------------------------------------------------- */

struct follower {
    struct follower_events events;
    struct port *feed;
    struct port *control;
    uint64_t wanted; /* The entry to ask from; 0: nothing waits to be sent. */
    struct buffer header;
    struct buffer body;
    struct arena arena;
    struct follower_figures figures;
};

static void tell_head(struct follower *follower, struct journal_head head, uint64_t from)
{
    follower->events.head(follower->events.context, &head, from);
}

static void take_head(struct follower *follower, struct bytes body)
{
    struct feed_head head;
    struct refusal refusal;

    if (proto_decode(&FEED_HEAD, body, &follower->arena, &head, &refusal) != STATUS_OK) {
        follower->figures.malformed++;
        return;
    }
    tell_head(follower,
              (struct journal_head){.epoch = head.epoch, .oldest = head.oldest, .last = head.last},
              0);
}

static void on_feed(void *context, const struct port_message *message)
{
    struct follower *follower = context;

    arena_reset(&follower->arena);
    if (message->count == 3 && bytes_equal(message->frames[1], kind_entries)) {
        follower->figures.live_bytes += message->frames[2].size;
        follower->events.entries(follower->events.context, message->frames[2]);
    } else if (message->count == 3 && bytes_equal(message->frames[1], kind_head)) {
        take_head(follower, message->frames[2]);
    } else {
        follower->figures.malformed++;
    }
}

static bool decode_entries(struct follower *follower, const struct port_message *message,
                           struct header *header, struct entries *entries)
{
    struct refusal refusal;

    return message->count == 2 &&
           proto_decode(&HEADER, message->frames[0], &follower->arena, header, &refusal) ==
               STATUS_OK &&
           bytes_equal(header->type, bytes_from_text(ENTRIES.name)) &&
           header->id.size == sizeof(uint64_t) &&
           proto_decode(&ENTRIES, message->frames[1], &follower->arena, entries, &refusal) ==
               STATUS_OK;
}

static void on_control(void *context, const struct port_message *message)
{
    struct follower *follower = context;
    struct header header;
    struct entries entries;

    arena_reset(&follower->arena);
    if (!decode_entries(follower, message, &header, &entries)) {
        follower->figures.malformed++;
        return;
    }
    follower->figures.replays++;
    follower->figures.replay_bytes += entries.data.size;
    tell_head(follower,
              (struct journal_head){
                  .epoch = entries.epoch, .oldest = entries.oldest, .last = entries.last},
              load_u64(header.id.data));
    follower->events.entries(follower->events.context, entries.data);
}

static enum status open_feed_port(struct follower *follower, const struct feed_options *options)
{
    char endpoint[SOCKET_ENDPOINT_SIZE];
    uint8_t topic[TOPIC_SIZE];
    enum status status = socket_endpoint(options->run_path, options->role, "feed", endpoint);

    if (status != STATUS_OK) {
        return status;
    }
    store_u32_be(topic, options->partition);
    return port_open(options->loop,
                     &(struct port_options){
                         .kind = PORT_SUB,
                         .endpoint = endpoint,
                         .topic = {topic, sizeof topic},
                         .send_count_max = LIVE_COUNT_MAX,
                         .receive_count_max = LIVE_COUNT_MAX,
                         .receive = on_feed,
                         .context = follower,
                     },
                     &follower->feed);
}

static enum status open_control_port(struct follower *follower, const struct feed_options *options)
{
    char endpoint[SOCKET_ENDPOINT_SIZE];
    enum status status = socket_endpoint(options->run_path, options->role, "control", endpoint);

    if (status != STATUS_OK) {
        return status;
    }
    return port_open(options->loop,
                     &(struct port_options){
                         .kind = PORT_DEALER,
                         .endpoint = endpoint,
                         .send_count_max = ASK_COUNT_MAX,
                         .receive_count_max = ASK_COUNT_MAX,
                         .receive = on_control,
                         .context = follower,
                     },
                     &follower->control);
}

enum status follower_open(const struct feed_options *options, const struct follower_events *events,
                          struct follower **follower)
{
    struct follower *opened = memory_take(1, sizeof *opened);

    opened->events = *events;
    enum status status = open_feed_port(opened, options);
    if (status == STATUS_OK) {
        status = open_control_port(opened, options);
    }
    if (status != STATUS_OK) {
        follower_close(opened);
        return status;
    }
    *follower = opened;
    return STATUS_OK;
}

void follower_close(struct follower *follower)
{
    if (follower == NULL) {
        return;
    }
    port_close(follower->feed);
    port_close(follower->control);
    buffer_deinit(&follower->header);
    buffer_deinit(&follower->body);
    arena_deinit(&follower->arena);
    free(follower);
}

void follower_ask(struct follower *follower, uint64_t from)
{
    follower->wanted = from;
    follower_tick(follower);
}

void follower_tick(struct follower *follower)
{
    uint8_t id[sizeof follower->wanted];
    struct header header = {
        .version = PROTO_VERSION, .type = bytes_from_text(REPLAY.name), .id = {id, sizeof id}};
    struct replay replay = {.from = follower->wanted, .size_max = REPLAY_SIZE};

    if (follower->wanted == 0) {
        return;
    }
    store_u64(id, follower->wanted);
    follower->header.size = 0;
    follower->body.size = 0;
    proto_encode(&HEADER, &header, &follower->header);
    proto_encode(&REPLAY, &replay, &follower->body);
    struct bytes frames[] = {buffer_view(&follower->header), buffer_view(&follower->body)};
    if (port_send(follower->control, frames, COUNT_OF(frames)) == STATUS_OK) {
        follower->wanted = 0;
        follower->figures.asks++;
    }
}

struct follower_figures follower_figures(const struct follower *follower)
{
    return follower == NULL ? (struct follower_figures){0} : follower->figures;
}
