/*
 * network.h - messages on their way: lost, doubled, late, out of order, cut off.
 */
#ifndef TESTS_SIM_NETWORK_H
#define TESTS_SIM_NETWORK_H

#include "tests/sim/sim.h"

struct packet {
    uint32_t references;
    uint32_t first_size; /* Of the first of two frames. */
    uint32_t size;
    uint64_t peer; /* The client's connection, when it is from or to one. */
    uint64_t number;
    uint8_t data[];
};

struct packet *packet_make(struct bytes first, struct bytes second);
void packet_release(struct packet *packet);
struct bytes packet_first(const struct packet *packet);
struct bytes packet_second(const struct packet *packet);

/* struct packets (sim.h): first in, first out. */
void packets_append(struct packets *packets, struct packet *packet); /* Takes a reference. */
struct packet *packets_take(struct packets *packets); /* The first; the caller releases it. */
void packets_clear(struct packets *packets);
void packets_deinit(struct packets *packets);

enum channel {
    CHANNEL_LOOSE,  /* May lose, double and overtake: what reads it must cope. */
    CHANNEL_STREAM, /* In order, and nothing lost but with the connection. */
};

struct route {
    uint32_t from, to; /* Actors. */
    enum channel channel;
};

/* Sends; the packet is taken. `event` says what happens when it arrives. */
void network_send(struct sim *sim, struct route route, struct happening event);

/* Nobody hears from `from` at `to` for a while. */
void network_cut(struct sim *sim, uint32_t from, uint32_t to, uint64_t duration_us);
bool network_is_cut(const struct sim *sim, uint32_t from, uint32_t to);

#endif
