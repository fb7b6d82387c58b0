#include "brokers/dispatch/subscribers.h"

#include <stdlib.h>
#include <string.h>

#define SLOT_COUNT_MIN 64

static void set_text(char target[ID_SIZE_MAX], uint8_t *size, struct bytes text)
{
    *size = (uint8_t)min_u64(text.size, ID_SIZE_MAX);
    if (*size > 0) {
        memcpy(target, text.data, *size);
    }
}

void filter_set(struct filter *filter, struct bytes party, struct bytes product, struct bytes need,
                struct bytes offer, uint64_t states)
{
    set_text(filter->party, &filter->party_size, party);
    set_text(filter->product, &filter->product_size, product);
    set_text(filter->need, &filter->need_size, need);
    set_text(filter->offer, &filter->offer_size, offer);
    filter->states = (uint16_t)states;
}

static struct bytes text_view(const char text[ID_SIZE_MAX], uint8_t size)
{
    return (struct bytes){.data = (const uint8_t *)text, .size = size};
}

struct bytes filter_party(const struct filter *filter)
{
    return text_view(filter->party, filter->party_size);
}

bool filter_is_narrow(const struct filter *filter)
{
    return filter->product_size > 0 || filter->need_size > 0 || filter->offer_size > 0 ||
           filter->states != 0;
}

static bool passes(const char text[ID_SIZE_MAX], uint8_t size, struct bytes value)
{
    return size == 0 || bytes_equal(text_view(text, size), value);
}

bool filter_passes(const struct filter *filter, const struct assignment_event *event)
{
    return passes(filter->product, filter->product_size, event->product) &&
           passes(filter->need, filter->need_size, event->need) &&
           passes(filter->offer, filter->offer_size, event->offer) &&
           (filter->states == 0 || (filter->states >> event->state & 1) != 0);
}

static struct bytes peer_of(const struct subscriber *subscriber)
{
    return (struct bytes){.data = subscriber->peer, .size = subscriber->peer_size};
}

static size_t home_of(const struct subscribers *subscribers, struct bytes peer)
{
    return (size_t)hash_bytes(peer.data, peer.size) & (subscribers->slot_count - 1);
}

static size_t find_slot(const struct subscribers *subscribers, struct bytes peer)
{
    size_t slot = home_of(subscribers, peer);

    while (subscribers->slots[slot] != 0 &&
           !bytes_equal(peer_of(&subscribers->items[subscribers->slots[slot] - 1]), peer)) {
        slot = (slot + 1) & (subscribers->slot_count - 1);
    }
    return slot;
}

struct subscriber *subscribers_find(struct subscribers *subscribers, struct bytes peer)
{
    if (subscribers->live_count == 0) {
        return NULL;
    }
    uint32_t place = subscribers->slots[find_slot(subscribers, peer)];
    return place == 0 ? NULL : &subscribers->items[place - 1];
}

static void grow_slots(struct subscribers *subscribers)
{
    size_t count = subscribers->slot_count == 0 ? SLOT_COUNT_MIN : subscribers->slot_count * 2;

    free(subscribers->slots);
    subscribers->slots = memory_take(count, sizeof *subscribers->slots);
    subscribers->slot_count = count;
    ENSURE(subscribers->count == 0 || subscribers->items != NULL);
    for (size_t i = 0; i < subscribers->count; i++) {
        if (subscribers->items[i].peer_size > 0) {
            subscribers->slots[find_slot(subscribers, peer_of(&subscribers->items[i]))] =
                (uint32_t)(i + 1);
        }
    }
}

static uint32_t take_place(struct subscribers *subscribers)
{
    if (subscribers->free_count > 0) {
        return subscribers->free_places[--subscribers->free_count];
    }
    GROW(subscribers->items, subscribers->capacity, subscribers->count + 1);
    return (uint32_t)subscribers->count++;
}

struct subscriber *subscribers_add(struct subscribers *subscribers, struct bytes peer)
{
    ENSURE(peer.size > 0);
    ENSURE(peer.size <= PEER_SIZE_MAX);
    struct subscriber *known = subscribers_find(subscribers, peer);
    if (known == NULL) {
        if (subscribers->live_count * 2 >= subscribers->slot_count) {
            grow_slots(subscribers);
        }
        size_t slot = find_slot(subscribers, peer);
        uint32_t place = take_place(subscribers);
        subscribers->slots[slot] = place + 1;
        subscribers->live_count++;
        ENSURE(subscribers->items != NULL);
        known = &subscribers->items[place];
    }
    *known = (struct subscriber){.peer_size = (uint8_t)peer.size};
    memcpy(known->peer, peer.data, peer.size);
    return known;
}

/* Deletion by moving back what follows (Knuth, TAOCP 3, 6.4, algorithm R). */
static void clear_slot(struct subscribers *subscribers, size_t slot)
{
    size_t mask = subscribers->slot_count - 1;
    size_t hole = slot;

    for (size_t at = (slot + 1) & mask; subscribers->slots[at] != 0; at = (at + 1) & mask) {
        size_t home =
            home_of(subscribers, peer_of(&subscribers->items[subscribers->slots[at] - 1]));
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            subscribers->slots[hole] = subscribers->slots[at];
            hole = at;
        }
    }
    subscribers->slots[hole] = 0;
}

void subscribers_remove(struct subscribers *subscribers, struct subscriber *subscriber)
{
    size_t place = (size_t)(subscriber - subscribers->items);

    clear_slot(subscribers, find_slot(subscribers, peer_of(subscriber)));
    subscriber->peer_size = 0;
    GROW(subscribers->free_places, subscribers->free_capacity, subscribers->free_count + 1);
    subscribers->free_places[subscribers->free_count++] = (uint32_t)place;
    subscribers->live_count--;
}

void subscribers_deinit(struct subscribers *subscribers)
{
    free(subscribers->items);
    free(subscribers->slots);
    free(subscribers->free_places);
    *subscribers = (struct subscribers){0};
}
