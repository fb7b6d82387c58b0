/*
 * script.h - what the tortured process does, and what must be there after each of its steps.
 *
 * A seed gives the script. Entries and rows follow from their numbers, so that whoever reads a
 * journal knows whether what it holds was ever written.
 */
#ifndef TESTS_TORTURE_SCRIPT_H
#define TESTS_TORTURE_SCRIPT_H

#include "journal/journal.h"

#define SCRIPT_STEP_COUNT_MAX 128
#define SCRIPT_TABLE_COUNT 2
#define SCRIPT_KEY_COUNT 12
#define SCRIPT_CHANGE_COUNT_MAX 8
#define SCRIPT_ROW_SIZE_MAX 9000

enum action {
    ACTION_COMMIT, /* Entries, rows and a trim, in one transaction. */
    ACTION_REOPEN, /* Closes and opens again. */
    ACTION_COPY,   /* A backup, named by the step. */
};

struct change {
    uint8_t table; /* From 1 on. */
    uint8_t key;
    uint32_t version; /* 0: the row is deleted. */
};

struct step {
    enum action action;
    uint64_t append_count;
    uint64_t trim_upto; /* 0: nothing. */
    struct change changes[SCRIPT_CHANGE_COUNT_MAX];
    size_t change_count;
};

/* What the journal holds. */
struct state {
    uint64_t last;
    uint64_t oldest;
    uint32_t rows[SCRIPT_TABLE_COUNT][SCRIPT_KEY_COUNT]; /* Versions, 0 for none. */
};

struct script {
    uint64_t seed;
    size_t step_count;
    struct step steps[SCRIPT_STEP_COUNT_MAX];
    struct state states[SCRIPT_STEP_COUNT_MAX + 1]; /* After so many steps. */
};

void script_init(struct script *script, uint64_t seed, size_t step_count);

/* The journal of the script in `directory`. Borrows `path`, which it fills. */
struct journal_options script_options(const struct script *script, const char *directory,
                                      char *path, size_t path_size);

/* Where step `index` puts its copy. */
void script_copy_path(const char *directory, size_t index, char *path, size_t path_size);

/* Appends what the step says; the statuses are the journal's. */
MUST_USE enum status script_write(const struct step *step, const struct state *before,
                                  struct journal *journal);

/* The row's key (in `key`), and its value (in `value`). */
struct bytes script_key(uint8_t number, uint8_t key[2]);
struct bytes script_value(const struct change *row, uint8_t value[SCRIPT_ROW_SIZE_MAX]);

#endif
