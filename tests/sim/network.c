#include "tests/sim/network.h"

#include <stdlib.h>
#include <string.h>

#define LATE_US_MAX 400000 /* Below the second after which a shorter feed counts as lost. */
#define DOUBLE_US_MAX 100000
#define OVERTAKE_US_MAX 20000

struct packet *packet_make(struct bytes first, struct bytes second)
{
    struct packet *packet = malloc(sizeof *packet + first.size + second.size);

    ENSURE(packet != NULL);
    *packet = (struct packet){
        .references = 1,
        .first_size = (uint32_t)first.size,
        .size = (uint32_t)(first.size + second.size),
    };
    if (first.size > 0) {
        memcpy(packet->data, first.data, first.size);
    }
    if (second.size > 0) {
        memcpy(packet->data + first.size, second.data, second.size);
    }
    return packet;
}

void packet_release(struct packet *packet)
{
    if (packet != NULL && --packet->references == 0) {
        free(packet);
    }
}

struct bytes packet_first(const struct packet *packet)
{
    return (struct bytes){packet->data, packet->first_size};
}

struct bytes packet_second(const struct packet *packet)
{
    return (struct bytes){packet->data + packet->first_size, packet->size - packet->first_size};
}

void packets_append(struct packets *packets, struct packet *packet)
{
    GROW(packets->items, packets->capacity, packets->count + 1);
    packets->items[packets->count++].packet = packet;
    packet->references++;
}

struct packet *packets_take(struct packets *packets)
{
    ENSURE(packets->count > 0);
    struct packet *first = packets->items[0].packet;

    packets->count--;
    memmove(packets->items, packets->items + 1, packets->count * sizeof *packets->items);
    return first;
}

void packets_clear(struct packets *packets)
{
    while (packets->count > 0) {
        packet_release(packets->items[--packets->count].packet);
    }
}

void packets_deinit(struct packets *packets)
{
    packets_clear(packets);
    free(packets->items);
    *packets = (struct packets){0};
}

bool network_is_cut(const struct sim *sim, uint32_t from, uint32_t to)
{
    return sim->cut_until_us[from][to] > sim->now_us;
}

void network_cut(struct sim *sim, uint32_t from, uint32_t to, uint64_t duration_us)
{
    sim->cut_until_us[from][to] = max_u64(sim->cut_until_us[from][to], sim->now_us + duration_us);
}

/* When what is sent now arrives. Without overtaking nothing comes before what was sent before. */
static uint64_t arrival_of(struct sim *sim, const struct route *route)
{
    struct faults *faults = &sim->faults;
    uint64_t at = sim->now_us + draw_between(&sim->network_draw, sim->knobs.latency_us_min,
                                             sim->knobs.latency_us_max);

    if (fault_strikes(faults, FAULT_DELAY)) {
        at += draw_tail(&faults->draws[FAULT_DELAY], 1000, LATE_US_MAX);
    }
    if (network_is_cut(sim, route->from, route->to)) {
        at = max_u64(at, sim->cut_until_us[route->from][route->to] + 1000);
    }
    if (route->channel == CHANNEL_LOOSE && fault_strikes(faults, FAULT_REORDER)) {
        return at + draw_below(&faults->draws[FAULT_REORDER], OVERTAKE_US_MAX);
    }
    uint64_t *last_us = &sim->last_us[route->from][route->to];
    *last_us = max_u64(*last_us, at);
    return *last_us;
}

static void push_at(struct sim *sim, uint64_t at_us, struct happening event)
{
    sim_push(sim, at_us - sim->now_us, event);
}

static bool is_between_roles(const struct route *route)
{
    return route->from < NODE_COUNT && route->to < NODE_COUNT;
}

void network_send(struct sim *sim, struct route route, struct happening event)
{
    struct faults *faults = &sim->faults;
    bool is_loose = route.channel == CHANNEL_LOOSE;
    bool is_cut_off = is_between_roles(&route) && network_is_cut(sim, route.from, route.to);

    if (is_loose && (is_cut_off || fault_strikes(faults, FAULT_LOSS))) {
        packet_release(event.packet);
        return;
    }
    /* Entries carry a checksum; the rest relies on what carries it. */
    if (event.kind == EVENT_FEED && fault_strikes(faults, FAULT_GARBLE)) {
        struct draw *draw = &faults->draws[FAULT_GARBLE];
        event.packet->data[draw_below(draw, event.packet->size)] ^=
            (uint8_t)(1u << draw_below(draw, 8));
    }
    uint64_t at_us = arrival_of(sim, &route);
    /* What a client says to dispatch comes once: an old subscription would end a newer one. */
    bool may_double = is_loose || route.from < NODE_COUNT;
    if (may_double && fault_strikes(faults, FAULT_DUPLICATE)) {
        event.packet->references++;
        uint64_t again_us = at_us;
        if (is_loose) {
            again_us += draw_below(&faults->draws[FAULT_DUPLICATE], DOUBLE_US_MAX);
        }
        push_at(sim, at_us, event);
        push_at(sim, again_us, event);
        return;
    }
    push_at(sim, at_us, event);
}
