/*
 * fake_world.h - the world of one role in memory: what tests hand a stage instead of sockets,
 * a clock and a disk.
 *
 * Nothing happens by itself. A commit waits until the test writes it and tells the stage, so that
 * a test can crash the role before, between and after. What a journal would keep survives a
 * crash; everything else is gone. Everything the role says is recorded.
 */
#ifndef TESTS_UNIT_FAKE_WORLD_H
#define TESTS_UNIT_FAKE_WORLD_H

#include "node/stage.h"

/* A feed and rows, durable. Zero is an empty one; its epoch is 0 until the test sets it. */
struct fake_journal {
    struct journal_head head;
    struct entry *entries; /* Entry i at index i - 1, with a body of its own; also trimmed ones. */
    size_t entry_capacity;
    struct fake_row {
        uint8_t table;
        struct buffer key, value;
    } * rows;
    size_t row_count, row_capacity;
};

/* Appends with the next number and its chain. The body is copied. */
void fake_journal_append(struct fake_journal *journal, const struct entry *entry);
void fake_journal_trim(struct fake_journal *journal, uint64_t upto);

/* As the world's read: stored entries from `from` on, at least one, until about `size_max` bytes.
 */
enum status fake_journal_read(const struct fake_journal *journal, uint64_t from, size_t size_max,
                              struct buffer *stored);
void fake_journal_deinit(struct fake_journal *journal);

struct fake_send {
    struct buffer peer, header, body;
};

struct fake_world {
    struct world world; /* What the stage gets. */
    struct fake_journal journal;
    uint64_t time_ms; /* The clock; set by the test. */
    uint64_t space;
    uint64_t wake_ms; /* The earliest wish, TIME_NONE for none. */
    struct batch *pending;
    bool is_written;         /* The pending batch is durable; the stage was not told. */
    struct fake_send *sends; /* In order. */
    size_t send_count, send_capacity;
    struct fake_peer {
        struct buffer name;
        enum status status;
    } * peers; /* Those that do not take everything. */
    size_t peer_count, peer_capacity;
    enum status read_status;   /* What reading the own feed gives, when it fails. */
    size_t parcel_count;       /* Made and not released. */
    struct buffer published;   /* Stored entries, one behind the other. */
    uint64_t ask_count, asked; /* How often, and from which entry the last time. */
    char failure[200];         /* Why the role could not go on, empty when it can. */
};

void fake_world_init(struct fake_world *world);
void fake_world_deinit(struct fake_world *world);

/* Opens a stage upon what is durable: rows in order, then begin. `options->world` is set here. */
MUST_USE enum status fake_world_start(struct fake_world *world, struct stage_options *options,
                                      struct stage **stage);

/* The two halves of a commit; without a pending batch they do nothing and return false. */
bool fake_world_write(struct fake_world *world);
bool fake_world_tell(struct fake_world *world, struct stage *stage);

/* Both halves, until the stage has nothing more to commit. */
void fake_world_settle(struct fake_world *world, struct stage *stage);

/* Sets the clock, and wakes the stage when its time has come. */
void fake_world_pass(struct fake_world *world, struct stage *stage, uint64_t duration_ms);

/* Drops what was not durable, what was said and what was wished for. */
void fake_world_crash(struct fake_world *world);

/* What sends to this peer return from now on. */
void fake_world_set_peer(struct fake_world *world, const char *peer, enum status status);
void fake_world_forget_sends(struct fake_world *world);

#endif
