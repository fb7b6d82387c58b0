/*
 * disk.h - what a disk may hold after the calls of a trace.
 *
 * Two things are known of a call: it was made, and some sync has covered it or none has. Bytes and
 * sizes are covered by a sync of their file, names by a sync of their folder, and a write on a
 * descriptor with O_DSYNC by its own return. What is covered stays; of the rest, the power may
 * leave any part, of a write any sectors of 512 bytes. Nothing else is promised to anybody: no
 * order, and no sync of a name by a sync of the file.
 */
#ifndef TESTS_TORTURE_DISK_H
#define TESTS_TORTURE_DISK_H

#include "core/base/memory.h"
#include "tests/torture/faults.h"
#include "tests/torture/trace.h"

#define DISK_SECTOR_SIZE 512
#define DISK_EXHAUSTIVE_MAX 4 /* So many calls on their way: every subset is tried. */

/* A sync that is no sync: for showing that it is missed. */
enum lie {
    LIE_NONE,
    LIE_DATA,  /* Syncs of files do nothing, */
    LIE_META,  /* O_DSYNC does nothing, */
    LIE_NAMES, /* syncs of folders do nothing. */
};

struct disk;

void disk_open(enum lie lie, struct disk **disk);
void disk_close(struct disk *disk);

/* The next call of the trace was made. `data` is borrowed until disk_close. */
void disk_take(struct disk *disk, const struct record *record, const uint8_t *data);

size_t disk_pending(const struct disk *disk); /* Calls that no sync covers yet. */

/* How many images there are of one fault here: FAULTS' draws, or every subset. */
unsigned disk_variants(const struct disk *disk, enum fault fault);

/* Writes what a cut leaves now into the empty folder `path`. Seed and variant decide. */
void disk_cut(const struct disk *disk, enum fault fault, unsigned variant, uint64_t seed,
              const char *path);

#endif
