/*
 * scenario.h - a folder of CSV files as commands (design 8).
 *
 * Columns come in any order and are named like the fields of the command, ids with an "_id"
 * behind. Unknown columns are refused with the nearest known one. A byte-order mark and `;` as
 * the separator (French spreadsheets) are understood.
 */
#ifndef CLI_SCENARIO_H
#define CLI_SCENARIO_H

#include "core/base/memory.h"
#include "proto/messages.h"

struct scenario_row {
    const char *file; /* Its name in the folder. */
    uint64_t line;    /* Where it starts, from 1; quoted cells may go on over several lines. */
    const struct message *message;
    const void *record;            /* Of the message; NULL when refused. */
    const struct refusal *refusal; /* Why the row makes no sense, NULL when it does. */
    struct bytes text;             /* The row's cells joined by commas, for the report. */
};

/* Gets each row; views are borrowed during the call, `file` as long as the path given. Anything but
 * 0 stops and is returned. */
typedef int (*scenario_row_fn)(void *context, const struct scenario_row *row);

struct scenario_taker {
    scenario_row_fn row;
    void *context;
    struct arena *arena; /* What records view lies there until the taker resets it. */
};

/* Reads one file, CSV or JSON lines by its first byte, as commands of `message`. "-" is standard
 * input. STATUS_NOT_FOUND, STATUS_IO, STATUS_INVALID (header line), each with `problem`; `*stopped`
 * is what the callback gave. */
MUST_USE enum status scenario_read_file(const char *path, const struct message *message,
                                        const struct scenario_taker *taker, int *stopped,
                                        char problem[256]);

/* Reads the files of a folder in the order in which they refer to each other: products, parties,
 * substitutes, norms, certificates, exclusions, offers, capacity, needs. Missing files are fine,
 * none at all is STATUS_NOT_FOUND. */
MUST_USE enum status scenario_read(const char *directory, const struct scenario_taker *taker,
                                   int *stopped, char problem[256]);

/* Rows of a folder, for progress: lines less header lines. */
uint64_t scenario_count(const char *directory);

#endif
