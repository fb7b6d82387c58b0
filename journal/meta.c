/*
 * meta.c - the one row of the table "meta", and the keys of the log.
 *
 *     offset  size
 *          0     4  checksum: CRC-32C over everything after it
 *          4     4  version of the format; these two stay here in every version
 *          8     8  epoch
 *         16     4  partition
 *         20     4  zero
 *         24     8  oldest
 *         32     8  last
 *         40     8  zero
 *         48    32  chain before the oldest
 *         80    32  chain of the last
 *
 * It is written with every commit that appends or trims. So an end that went missing shows,
 * although what is left of the feed is intact.
 */
#include "journal/internal.h"

#include <string.h>

static const char meta_name[] = "feed";

static_assert(META_SIZE == 80 + JOURNAL_CHAIN_SIZE, "the last field ends the row");

void encode_key(uint32_t partition, uint64_t seq, uint8_t key[KEY_SIZE])
{
    store_u32_be(key, partition);
    store_u64_be(key + 4, seq);
}

static MDB_val meta_key(void)
{
    return (MDB_val){.mv_size = sizeof meta_name - 1, .mv_data = (void *)(uintptr_t)meta_name};
}

enum status save_meta(MDB_txn *txn, MDB_dbi table, const struct meta *meta)
{
    MDB_val key = meta_key();
    uint8_t stored[META_SIZE] = {0};
    MDB_val value = {.mv_size = sizeof stored, .mv_data = stored};

    store_u32(stored + 4, FORMAT_VERSION);
    store_u64(stored + 8, meta->head.epoch);
    store_u32(stored + 16, meta->partition);
    store_u64(stored + 24, meta->head.oldest);
    store_u64(stored + 32, meta->head.last);
    memcpy(stored + 48, meta->before, JOURNAL_CHAIN_SIZE);
    memcpy(stored + 80, meta->head.chain, JOURNAL_CHAIN_SIZE);
    store_u32(stored, checksum(0, stored + 4, sizeof stored - 4));
    return status_from_mdb(mdb_put(txn, table, &key, &value, 0));
}

static bool meta_is_sound(const struct meta *meta)
{
    if (meta->head.epoch == 0 || meta->head.oldest == 0) {
        return false;
    }
    if (meta->head.oldest == meta->head.last + 1) {
        return memcmp(meta->before, meta->head.chain, JOURNAL_CHAIN_SIZE) == 0;
    }
    return meta->head.oldest <= meta->head.last && meta->head.last < UINT64_MAX;
}

enum status load_meta(MDB_txn *txn, MDB_dbi table, struct meta *meta)
{
    MDB_val key = meta_key();
    MDB_val value;
    int code = mdb_get(txn, table, &key, &value);
    if (code != MDB_SUCCESS) {
        return code == MDB_NOTFOUND ? STATUS_CORRUPT : status_from_mdb(code);
    }
    const uint8_t *stored = value.mv_data;
    if (value.mv_size < 8 || value.mv_size > 4096 ||
        load_u32(stored) != checksum(0, stored + 4, value.mv_size - 4)) {
        return STATUS_CORRUPT;
    }
    if (load_u32(stored + 4) != FORMAT_VERSION) {
        return STATUS_INVALID;
    }
    if (value.mv_size != META_SIZE) {
        return STATUS_CORRUPT;
    }
    struct meta loaded = {
        .partition = load_u32(stored + 16),
        .head = {.epoch = load_u64(stored + 8),
                 .oldest = load_u64(stored + 24),
                 .last = load_u64(stored + 32)},
    };
    memcpy(loaded.before, stored + 48, JOURNAL_CHAIN_SIZE);
    memcpy(loaded.head.chain, stored + 80, JOURNAL_CHAIN_SIZE);
    if (!meta_is_sound(&loaded)) {
        return STATUS_CORRUPT;
    }
    *meta = loaded;
    return STATUS_OK;
}
