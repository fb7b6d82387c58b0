/*
 * trace.h - what a process did to its files, as recorder.c writes it down and images.c reads it.
 *
 * A trace is a file of records, one behind the other, each followed by its data:
 *
 *     call         file                    at        data
 *     MADE         its number              0         name, with its zero; a new file
 *     MADE_FOLDER  its number              0         the same
 *     WRITE        its number              offset    the bytes
 *     WRITE_SYNC   its number              offset    the bytes, on the disk when the call returned
 *     RESIZE       its number              size      -
 *     RESERVE      its number              end       -; the file is at least so long
 *     SYNC         its number              0         -; of a folder: its names
 *     RENAME       number of what moves    0         name, new name
 *     REMOVE       its number              0         name
 *     MARK         enum mark               number    -; what the process says of itself
 *
 * Names are relative to the folder that is watched, which has the empty name. Only calls that
 * succeeded are in it; a short write with what it wrote.
 */
#ifndef TESTS_TORTURE_TRACE_H
#define TESTS_TORTURE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum call {
    CALL_MADE = 1,
    CALL_MADE_FOLDER,
    CALL_WRITE,
    CALL_WRITE_SYNC,
    CALL_RESIZE,
    CALL_RESERVE,
    CALL_SYNC,
    CALL_RENAME,
    CALL_REMOVE,
    CALL_MARK,
};

enum mark {
    MARK_OPENED = 1, /* The journal is there, with this epoch. */
    MARK_BEGUN,      /* This step of the script begins, */
    MARK_DONE,       /* and is acknowledged. */
};

struct record {
    uint32_t call;
    uint32_t size; /* Of the data. */
    uint64_t file;
    uint64_t at;
};

/* A trace that is read; its bytes are borrowed until trace_unmap. */
struct trace {
    const uint8_t *bytes;
    size_t size;
    size_t at;
};

struct trace trace_map(const char *path);
bool trace_next(struct trace *trace, struct record *record, const uint8_t **data); /* False: end. */
void trace_unmap(struct trace *trace);

#endif
