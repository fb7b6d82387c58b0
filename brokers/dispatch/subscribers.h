/*
 * subscribers.h - who follows what, how far, and how much more may be sent.
 *
 * A subscriber is a fixed record and never a queue: what it has not been sent yet stays in the
 * journal. So a slow one costs nothing but its place.
 */
#ifndef BROKERS_DISPATCH_SUBSCRIBERS_H
#define BROKERS_DISPATCH_SUBSCRIBERS_H

#include "core/model/record.h"
#include "node/world.h"
#include "proto/messages.h"

struct filter { /* Empty texts and 0 states match everything. */
    char party[ID_SIZE_MAX];
    char product[ID_SIZE_MAX];
    char need[ID_SIZE_MAX];
    char offer[ID_SIZE_MAX];
    uint8_t party_size, product_size, need_size, offer_size;
    uint16_t states;
};

void filter_set(struct filter *filter, struct bytes party, struct bytes product, struct bytes need,
                struct bytes offer, uint64_t states);
struct bytes filter_party(const struct filter *filter);

/* Whether anything but the party narrows it. */
bool filter_is_narrow(const struct filter *filter);
bool filter_passes(const struct filter *filter, const struct assignment_event *event);

struct subscriber {
    uint8_t peer[PEER_SIZE_MAX];
    uint8_t peer_size; /* 0: a free place. */
    bool is_blocked;   /* Its queue was full; tried again when it speaks or after a while. */
    bool is_head_due;  /* It reached the end since it was last told so. */
    uint32_t key;      /* That it subscribed with; KEY_LOCAL for none. */
    struct filter filter;
    uint64_t position; /* Everything up to here was sent or filtered out. */
    uint64_t acked;
    uint64_t credit;
};

struct subscribers {
    struct subscriber *items;
    size_t capacity;
    size_t count; /* Places ever used. */
    size_t live_count;
    uint32_t *slots; /* By peer: place + 1, or 0; open addressing. */
    size_t slot_count;
    uint32_t *free_places;
    size_t free_count, free_capacity;
};

struct subscriber *subscribers_find(struct subscribers *subscribers, struct bytes peer);

/* A new one, or the old one of this peer, emptied. Borrowed until the next add. */
struct subscriber *subscribers_add(struct subscribers *subscribers, struct bytes peer);
void subscribers_remove(struct subscribers *subscribers, struct subscriber *subscriber);
void subscribers_deinit(struct subscribers *subscribers);

#endif
