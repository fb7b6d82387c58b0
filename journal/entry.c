/*
 * entry.c - the stored form of an entry, and the chain.
 *
 *     offset  size
 *          0     4  checksum: CRC-32C over the number (8 bytes) and everything after this field
 *          4     2  kind
 *          6     1  version of the body's format
 *          7     1  flags
 *          8     8  time_ms
 *         16     8  cause_first
 *         24     8  cause_last
 *         32    32  chain
 *         64     n  body
 *
 * Integers are little-endian. The number is part of the checksum, so an intact value found
 * under the wrong key is caught too. The chain is a BLAKE2b-256 over the chain before, the
 * number, the 28 bytes from kind to cause_last, and the body.
 */
#include "journal/internal.h"

#include "core/base/mutant.h"

#include <sodium.h>
#include <string.h>

#define FIELDS_OFFSET 4 /* Kind to cause_last, */
#define FIELDS_SIZE 28  /* in the order of the stored form. */
#define CHAIN_OFFSET 32

static_assert(FIELDS_OFFSET + FIELDS_SIZE == CHAIN_OFFSET, "the fields end where the chain starts");
static_assert(CHAIN_OFFSET + JOURNAL_CHAIN_SIZE == HEAD_SIZE, "the chain ends the head");

static void encode_fields(const struct entry *entry, uint8_t fields[FIELDS_SIZE])
{
    store_u16(fields, entry->kind);
    fields[2] = entry->version;
    fields[3] = entry->flags;
    store_u64(fields + 4, entry->time_ms);
    store_u64(fields + 12, entry->cause_first);
    store_u64(fields + 20, entry->cause_last);
}

static uint32_t checksum_of(uint64_t seq, const uint8_t *value, size_t size)
{
    uint8_t number[8];

    store_u64(number, seq);
    return checksum(checksum(0, number, sizeof number), value + FIELDS_OFFSET,
                    size - FIELDS_OFFSET);
}

void encode_entry(const struct entry *entry, uint8_t *value)
{
    encode_fields(entry, value + FIELDS_OFFSET);
    memcpy(value + CHAIN_OFFSET, entry->chain, JOURNAL_CHAIN_SIZE);
    if (entry->body.size > 0) {
        memcpy(value + HEAD_SIZE, entry->body.data, entry->body.size);
    }
    store_u32(value, checksum_of(entry->seq, value, HEAD_SIZE + entry->body.size));
}

enum status decode_entry(uint64_t seq, struct bytes value, struct entry *entry,
                         const char **problem)
{
    if (value.size < HEAD_SIZE || value.size > HEAD_SIZE + JOURNAL_BODY_SIZE_MAX) {
        *problem = "size";
        return STATUS_CORRUPT;
    }
    if (load_u32(value.data) != checksum_of(seq, value.data, value.size) && !MUTANT(51)) {
        *problem = "checksum";
        return STATUS_CORRUPT;
    }
    const uint8_t *fields = value.data + FIELDS_OFFSET;
    *entry = (struct entry){
        .seq = seq,
        .kind = load_u16(fields),
        .version = fields[2],
        .flags = fields[3],
        .time_ms = load_u64(fields + 4),
        .cause_first = load_u64(fields + 12),
        .cause_last = load_u64(fields + 20),
        .body = {.data = value.data + HEAD_SIZE, .size = value.size - HEAD_SIZE},
    };
    memcpy(entry->chain, value.data + CHAIN_OFFSET, JOURNAL_CHAIN_SIZE);
    return STATUS_OK;
}

void entry_store(const struct entry *entry, struct buffer *target)
{
    ENSURE(entry->body.size <= JOURNAL_BODY_SIZE_MAX);

    uint8_t *frame = buffer_extend(target, FRAME_SIZE + HEAD_SIZE + entry->body.size);
    store_u32(frame, (uint32_t)(8 + HEAD_SIZE + entry->body.size));
    store_u64(frame + 4, entry->seq);
    encode_entry(entry, frame + FRAME_SIZE);
}

enum status entry_load(struct bytes *bytes, struct entry *entry)
{
    if (bytes->size == 0) {
        return STATUS_END;
    }
    if (bytes->size < FRAME_SIZE) {
        return STATUS_MALFORMED;
    }
    size_t size = load_u32(bytes->data);
    if (size < 8 + HEAD_SIZE || size > 8 + HEAD_SIZE + JOURNAL_BODY_SIZE_MAX ||
        size > bytes->size - 4) {
        return STATUS_MALFORMED;
    }
    uint64_t seq = load_u64(bytes->data + 4);
    struct bytes value = {.data = bytes->data + FRAME_SIZE, .size = size - 8};
    const char *problem = NULL;
    enum status status = decode_entry(seq, value, entry, &problem);
    if (status == STATUS_OK) {
        bytes->data += 4 + size;
        bytes->size -= 4 + size;
    }
    return status;
}

void entry_chain(const uint8_t previous[JOURNAL_CHAIN_SIZE], const struct entry *entry,
                 uint8_t chain[JOURNAL_CHAIN_SIZE])
{
    uint8_t front[JOURNAL_CHAIN_SIZE + 8 + FIELDS_SIZE];
    crypto_generichash_state state;

    memcpy(front, previous, JOURNAL_CHAIN_SIZE);
    store_u64(front + JOURNAL_CHAIN_SIZE, entry->seq);
    encode_fields(entry, front + JOURNAL_CHAIN_SIZE + 8);
    ENSURE(crypto_generichash_init(&state, NULL, 0, JOURNAL_CHAIN_SIZE) == 0);
    ENSURE(crypto_generichash_update(&state, front, sizeof front) == 0);
    if (entry->body.size > 0) {
        ENSURE(crypto_generichash_update(&state, entry->body.data, entry->body.size) == 0);
    }
    ENSURE(crypto_generichash_final(&state, chain, JOURNAL_CHAIN_SIZE) == 0);
}

bool entry_follows(const uint8_t previous[JOURNAL_CHAIN_SIZE], const struct entry *entry)
{
    uint8_t chain[JOURNAL_CHAIN_SIZE];

    entry_chain(previous, entry, chain);
    return memcmp(chain, entry->chain, sizeof chain) == 0;
}
