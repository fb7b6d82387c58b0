/*
 * ids.h - which submission ids were taken in, and by which entry.
 *
 * The ids themselves stand in the intake entries. Here is a 64-bit hash of each, by entry,
 * and a table that finds the entry by the hash: some 30 bytes an id. Whoever finds an entry
 * compares the id there.
 */
#ifndef BROKERS_GATEWAY_IDS_H
#define BROKERS_GATEWAY_IDS_H

#include "core/base/memory.h"

#define IDS_COUNT_MAX 4000000000u

/* Zero is an empty set. */
struct ids {
    uint64_t *hashes; /* By entry number - 1; 0: the entry has no id. */
    size_t hash_capacity;
    uint64_t count;  /* Entries known, also those without an id. */
    uint64_t *slots; /* Open addressing: half of the hash, then the entry's number; or 0. */
    size_t slot_count;
    uint64_t used; /* Entries with an id. */
};

/* Entry `seq` is the next one (count + 1). `id` is empty when it has none. */
void ids_add(struct ids *ids, uint64_t seq, struct bytes id);
void ids_add_hash(struct ids *ids, uint64_t seq, uint64_t hash);

/* The entry that took `id` in, 0 when there is none. */
uint64_t ids_find(const struct ids *ids, struct bytes id);

void ids_deinit(struct ids *ids);

#endif
