/*
 * link.c - client/link.h over the simulated network: what the client library talks to here.
 *
 * A client has two links, by number: its own number doubled for the gateway, and one more for
 * dispatch. A connection that ends takes what is on its way with it; the next one has another
 * peer number.
 */
#include "client/link.h"

#include "proto/messages.h"
#include "tests/sim/network.h"
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_US_MIN 1000
#define RETRY_US_MIN 50000
#define RETRY_US_MAX 2000000

struct link {
    struct sim *sim;
    uint32_t number;
    enum node_number broker;
    uint64_t peer; /* Of this connection, or of the one being made; never used again. */
    uint64_t life; /* Of the broker that it is with. */
    bool is_connected;
    bool has_news;
    uint32_t incoming; /* Messages of dispatch on their way, or received and not read. */
    struct packets received;
    struct packet *current; /* That the last receive showed. */
};

static void try_later(struct link *link, uint64_t after_us)
{
    link->peer = ++link->sim->connection_count * LINK_COUNT + link->number;
    sim_push(
        link->sim, after_us,
        (struct happening){.kind = EVENT_CONNECT, .target = link->number, .stamp = link->peer});
}

static void disconnect(struct link *link)
{
    link->is_connected = false;
    link->incoming = 0;
}

/* The endpoint is "sim:NUMBER". */
enum maillon_status link_open(void *context, int epoll, const char *endpoint,
                              const struct credentials *keys, struct link **out)
{
    struct link *link = memory_take(1, sizeof *link);

    (void)context;
    (void)epoll;
    (void)keys;
    link->sim = sim_running;
    link->number = (uint32_t)strtoul(endpoint + strlen("sim:"), NULL, 10);
    link->broker = link->number % 2 == 0 ? NODE_GATEWAY : NODE_DISPATCH;
    ENSURE(link->number < LINK_COUNT);
    ENSURE(link->sim->links[link->number] == NULL);
    link->sim->links[link->number] = link;
    try_later(link, CONNECT_US_MIN);
    *out = link;
    return MAILLON_OK;
}

void link_close(struct link *link)
{
    if (link == NULL) {
        return;
    }
    packets_deinit(&link->received);
    packet_release(link->current);
    link->sim->links[link->number] = NULL;
    free(link);
}

void link_reopen(struct link *link)
{
    disconnect(link);
    packets_clear(&link->received);
    try_later(link, CONNECT_US_MIN);
}

bool link_is_denied(const struct link *link)
{
    (void)link;
    return false;
}

bool link_refresh(struct link *link)
{
    bool is_new = link->has_news && link->is_connected;

    link->has_news = false;
    return is_new;
}

bool link_is_readable(const struct link *link)
{
    return link->has_news || link->received.count > 0;
}

bool link_is_writable(const struct link *link)
{
    return link->is_connected;
}

enum status link_send(struct link *link, struct bytes header, struct bytes body)
{
    if (!link_is_writable(link)) {
        return STATUS_AGAIN;
    }
    struct packet *packet = packet_make(header, body);
    packet->peer = link->peer;
    network_send(
        link->sim,
        (struct route){.from = NODE_COUNT + link->number / 2,
                       .to = link->broker,
                       .channel = link->broker == NODE_GATEWAY ? CHANNEL_LOOSE : CHANNEL_STREAM},
        (struct happening){
            .kind = EVENT_MESSAGE, .target = link->broker, .stamp = link->life, .packet = packet});
    return STATUS_OK;
}

enum status link_receive(struct link *link, struct bytes *header, struct bytes *body)
{
    packet_release(link->current);
    link->current = NULL;
    if (link->received.count == 0) {
        return STATUS_AGAIN;
    }
    link->current = packets_take(&link->received);
    link->incoming -= link->incoming > 0;
    *header = packet_first(link->current);
    *body = packet_second(link->current);
    return STATUS_OK;
}

/* --- What happens to connections ----------------------------------------------------- */

struct link *link_of_peer(struct sim *sim, uint64_t peer)
{
    struct link *link = sim->links[peer % LINK_COUNT];

    return link != NULL && link->is_connected && link->peer == peer ? link : NULL;
}

bool link_has_room(const struct link *link)
{
    return link->incoming < link->sim->knobs.queue_max;
}

void link_count_sent(struct link *link)
{
    link->incoming += link->broker == NODE_DISPATCH;
}

uint32_t link_client_of_peer(uint64_t peer)
{
    return (uint32_t)(peer % LINK_COUNT / 2);
}

uint32_t link_client(const struct link *link)
{
    return link->number / 2;
}

static void on_connect(struct link *link)
{
    struct sim *sim = link->sim;
    uint32_t actor = NODE_COUNT + link_client(link);
    bool is_reachable = node_is_up(&sim->nodes[link->broker]) &&
                        !network_is_cut(sim, actor, link->broker) &&
                        !network_is_cut(sim, link->broker, actor);

    if (!is_reachable) {
        try_later(link, draw_between(&sim->client_draw, RETRY_US_MIN, RETRY_US_MAX));
        return;
    }
    link->is_connected = true;
    link->has_news = true;
    link->life = sim->nodes[link->broker].life;
    client_wake(sim->clients[link_client(link)], 0);
}

static void on_answer(struct link *link, struct packet *packet)
{
    packets_append(&link->received, packet);
    client_wake(link->sim->clients[link_client(link)], 0);
}

void link_handle(struct sim *sim, const struct happening *event)
{
    uint32_t number =
        event->kind == EVENT_ANSWER ? (uint32_t)(event->packet->peer % LINK_COUNT) : event->target;
    struct link *link = sim->links[number];

    if (event->kind == EVENT_ANSWER) {
        if (link_of_peer(sim, event->packet->peer) != NULL) {
            on_answer(link, event->packet);
        }
    } else if (link != NULL && link->peer == event->stamp) {
        on_connect(link);
    }
}

void link_break(struct sim *sim, uint32_t number, uint64_t again_us)
{
    struct link *link = sim->links[number];

    if (link != NULL && link->is_connected) {
        disconnect(link);
        try_later(link, again_us);
    }
}

void link_break_all(struct sim *sim, enum node_number node)
{
    for (uint32_t i = 0; i < LINK_COUNT; i++) {
        if (sim->links[i] != NULL && sim->links[i]->broker == node) {
            link_break(sim, i, draw_between(&sim->client_draw, RETRY_US_MIN, RETRY_US_MAX));
        }
    }
}
