/*
 * ids.c - a table of entry numbers, probed in a line, doubled at two thirds full.
 *
 * Two different ids with the same hash (one chance in 2^64 a pair) would look like one; the
 * caller compares the ids and refuses the later one, which its client never repeats.
 */
#include "brokers/gateway/ids.h"

#include <stdlib.h>

#define SLOT_COUNT_MIN 1024
#define HASH_HALF 0xffffffff00000000u

static uint64_t hash_of(struct bytes id)
{
    uint64_t hash = hash_bytes(id.data, id.size);
    return hash == 0 ? 1 : hash;
}

/* Looks at the whole hash, which is a cache miss away, only when half of it is the same. */
static bool is_at(const struct ids *ids, size_t slot, uint64_t hash)
{
    return ((ids->slots[slot] ^ hash) & HASH_HALF) == 0 &&
           ids->hashes[(uint32_t)ids->slots[slot] - 1] == hash;
}

static size_t find_slot(const struct ids *ids, uint64_t hash)
{
    size_t mask = ids->slot_count - 1;
    size_t slot = (size_t)hash & mask;

    while (ids->slots[slot] != 0 && !is_at(ids, slot, hash)) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

static void grow(struct ids *ids)
{
    size_t count = ids->slot_count == 0 ? SLOT_COUNT_MIN : ids->slot_count * 2;

    free(ids->slots);
    ids->slots = memory_take(count, sizeof *ids->slots);
    ids->slot_count = count;
    for (uint64_t i = 0; i < ids->count; i++) {
        if (ids->hashes[i] != 0) {
            ids->slots[find_slot(ids, ids->hashes[i])] = (ids->hashes[i] & HASH_HALF) | (i + 1);
        }
    }
}

void ids_add_hash(struct ids *ids, uint64_t seq, uint64_t hash)
{
    ENSURE(seq == ids->count + 1);
    ENSURE(seq <= IDS_COUNT_MAX);
    if (ids->used * 3 >= ids->slot_count * 2) {
        grow(ids);
    }
    GROW(ids->hashes, ids->hash_capacity, ids->count + 1);
    ids->hashes[ids->count++] = hash;
    if (hash != 0) {
        size_t slot = find_slot(ids, hash);
        ids->used += ids->slots[slot] == 0;
        ids->slots[slot] = (hash & HASH_HALF) | seq;
    }
}

void ids_add(struct ids *ids, uint64_t seq, struct bytes id)
{
    ids_add_hash(ids, seq, id.size == 0 ? 0 : hash_of(id));
}

uint64_t ids_find(const struct ids *ids, struct bytes id)
{
    if (ids->used == 0) {
        return 0;
    }
    return (uint32_t)ids->slots[find_slot(ids, hash_of(id))];
}

void ids_deinit(struct ids *ids)
{
    free(ids->hashes);
    free(ids->slots);
    *ids = (struct ids){0};
}
