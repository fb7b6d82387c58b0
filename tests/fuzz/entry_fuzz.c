/*
 * A byte of flags and entries in stored form, as feeds carry them.
 *
 * An entry that is taken gives the same bytes when it is stored again, follows by its chain what it
 * was chained to and nothing else; with one bit of it flipped it is not taken. The flag makes the
 * checksums right, so that what lies behind them is reached.
 */
#include "journal/journal.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_SIZE 12 /* Size and number; journal/format.md. */
#define HEAD_SIZE 64
#define FLAG_SEAL 1
#define SEED_COUNT 6

/* From the page on the format, not from the code that it checks. */
static void seal(uint8_t *data, size_t size)
{
    while (size >= FRAME_SIZE + HEAD_SIZE) {
        size_t frame = 4 + (size_t)load_u32(data);
        if (frame < FRAME_SIZE + HEAD_SIZE || frame > size) {
            return;
        }
        uint32_t sum = checksum(0, data + 4, 8);
        store_u32(data + FRAME_SIZE, checksum(sum, data + FRAME_SIZE + 4, frame - FRAME_SIZE - 4));
        data += frame;
        size -= frame;
    }
}

static void check_flip(struct bytes stored, size_t bit)
{
    struct entry entry = {0};
    uint8_t *copy = memory_take(stored.size, 1);

    memcpy(copy, stored.data, stored.size);
    copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    struct bytes rest = {copy, stored.size};
    ENSURE(entry_load(&rest, &entry) != STATUS_OK);
    free(copy);
}

static void check_chain(struct entry entry, const uint8_t previous[JOURNAL_CHAIN_SIZE])
{
    entry_chain(previous, &entry, entry.chain);
    ENSURE(entry_follows(previous, &entry));
    entry.flags ^= 1;
    ENSURE(!entry_follows(previous, &entry));
    entry.flags ^= 1;
    entry.seq++;
    ENSURE(!entry_follows(previous, &entry));
}

static void check_entry(const struct entry *entry, struct bytes stored,
                        const uint8_t previous[JOURNAL_CHAIN_SIZE])
{
    struct buffer again = {0};

    entry_store(entry, &again);
    ENSURE(bytes_equal(buffer_view(&again), stored));
    check_flip(stored, hash_bytes(stored.data, stored.size) % (stored.size * 8));
    check_chain(*entry, previous);
    buffer_deinit(&again);
}

static void check_stream(struct bytes rest)
{
    uint8_t previous[JOURNAL_CHAIN_SIZE] = {0};
    struct entry entry = {0};
    struct bytes before = rest;
    enum status status;

    while ((status = entry_load(&rest, &entry)) == STATUS_OK) {
        check_entry(&entry, (struct bytes){before.data, before.size - rest.size}, previous);
        memcpy(previous, entry.chain, sizeof previous);
        before = rest;
    }
    ENSURE((status == STATUS_END) == (rest.size == 0));
    ENSURE(status == STATUS_END || status == STATUS_MALFORMED || status == STATUS_CORRUPT);
    ENSURE(rest.data == before.data && rest.size == before.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint8_t *copy = memory_take(size, 1);
    memcpy(copy, data, size);
    if ((data[0] & FLAG_SEAL) != 0) {
        seal(copy + 1, size - 1);
    }
    check_stream((struct bytes){copy + 1, size - 1});
    free(copy);
    return 0;
}

static void give_stream(const struct fuzz_sink *sink, uint64_t count)
{
    static uint8_t body[300];
    uint8_t previous[JOURNAL_CHAIN_SIZE] = {0};
    struct buffer input = {0};

    *buffer_extend(&input, 1) = count % 2 == 0 ? FLAG_SEAL : 0;
    for (uint64_t seq = 1; seq <= count; seq++) {
        memset(body, (int)seq, sizeof body);
        struct entry entry = {.seq = seq,
                              .time_ms = 1585267320000 + seq,
                              .kind = (uint16_t)seq,
                              .version = 1,
                              .flags = seq % 2,
                              .cause_first = seq,
                              .cause_last = seq + 1,
                              .body = {body, seq * 37 % sizeof body}};
        entry_chain(previous, &entry, entry.chain);
        memcpy(previous, entry.chain, sizeof previous);
        entry_store(&entry, &input);
    }
    fuzz_give(sink, &input);
    buffer_deinit(&input);
}

void fuzz_seeds(const struct fuzz_sink *sink)
{
    for (uint64_t count = 0; count < SEED_COUNT; count++) {
        give_stream(sink, count);
    }
}

void fuzz_words(const struct fuzz_sink *sink)
{
    static const uint8_t sizes[][4] = {{72}, {73}, {71}, {0x48, 0x40}, {0x49, 0x40}, {0xff, 0xff}};

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        sink->give(sink->context, (struct bytes){sizes[i], sizeof sizes[i]});
    }
}
