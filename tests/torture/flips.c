/*
 * flips.c - one bit of a journal at rest is another one: each byte in turn.
 *
 * A reader first verifies and reads everything, then a writer opens, goes on and reads again. What
 * is handed out as good must be what was written; anything else must have been refused, by a status
 * or by the end of the process that looked.
 */
#include "tests/torture/torture.h"

#include "core/base/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH_COUNT 512
#define GO_ON_COUNT 3

enum outcome {
    OUTCOME_UNUSED,
    OUTCOME_FOUND,
    OUTCOME_FALLEN_BACK,
    OUTCOME_WRONG,
};

struct flips {
    struct torture *torture;
    const struct script *script;
    struct buffer intact; /* Bytes of data.mdb. */
    char path[PATH_MAX + 32];
    uint64_t from;
    uint64_t stride;
};

static void write_flipped(const struct flips *flips, uint64_t at)
{
    int file = open(flips->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    uint8_t flipped = (uint8_t)(flips->intact.data[at] ^ 1u << at % 8);

    ENSURE(file >= 0);
    ENSURE(write(file, flips->intact.data, flips->intact.size) == (ssize_t)flips->intact.size);
    ENSURE(pwrite(file, &flipped, 1, (off_t)at) == 1);
    close(file);
}

/* The state before: LMDB's answer to a damaged newest root. */
static bool is_fallen_back(const struct flips *flips, struct journal *journal)
{
    char problem[PROBLEM_SIZE];
    size_t count = flips->script->step_count;

    for (size_t steps = count; steps-- > 0 && steps + 3 > count;) {
        if (check_contents(journal, &flips->script->states[steps], problem) == STATUS_OK) {
            return true;
        }
    }
    return false;
}

static enum outcome judge(const struct flips *flips, struct journal *journal,
                          const struct state *state, char problem[PROBLEM_SIZE])
{
    enum status status = check_contents(journal, state, problem);

    if (status == STATUS_OK) {
        return OUTCOME_UNUSED;
    }
    if (status != STATUS_INVALID) {
        return OUTCOME_FOUND;
    }
    return is_fallen_back(flips, journal) ? OUTCOME_FALLEN_BACK : OUTCOME_WRONG;
}

static enum outcome read_flipped(const struct flips *flips, char problem[PROBLEM_SIZE])
{
    char path[PATH_MAX];
    struct journal_report report;
    struct journal *journal = NULL;
    struct journal_options options =
        script_options(flips->script, flips->torture->left, path, sizeof path);

    options.read_only = true;
    enum outcome outcome = OUTCOME_FOUND;
    if (journal_open(&options, &journal) != STATUS_OK) {
        return outcome;
    }
    if (journal_verify(journal, &report) == STATUS_OK) {
        outcome = judge(flips, journal, &flips->script->states[flips->script->step_count], problem);
    }
    journal_close(journal);
    return outcome;
}

/* Opens, judges what a process that starts would rely on, and goes on by some commits. Gives the
 * state then. */
static enum outcome write_some(const struct flips *flips, struct state *state,
                               char problem[PROBLEM_SIZE])
{
    char path[PATH_MAX];
    struct journal *journal = NULL;
    struct step step = {.append_count = 2};
    struct journal_options options =
        script_options(flips->script, flips->torture->left, path, sizeof path);

    if (journal_open(&options, &journal) != STATUS_OK) {
        return OUTCOME_FOUND;
    }
    enum outcome outcome = judge(flips, journal, state, problem);
    for (int i = 0; i < GO_ON_COUNT && outcome == OUTCOME_UNUSED; i++) {
        if (script_write(&step, state, journal) != STATUS_OK) {
            outcome = OUTCOME_FOUND;
        }
        state->last += step.append_count;
    }
    journal_close(journal);
    return outcome;
}

/* Twice: what the first process wrote over is what the second one finds. */
static enum outcome write_on_flipped(const struct flips *flips, char problem[PROBLEM_SIZE])
{
    struct state state = flips->script->states[flips->script->step_count];
    enum outcome outcome = write_some(flips, &state, problem);

    return outcome == OUTCOME_UNUSED ? write_some(flips, &state, problem) : outcome;
}

static uint64_t place_of_flip(const struct flips *flips, unsigned index)
{
    return flips->from + index * flips->stride;
}

static int look_at_flip(void *context, unsigned index, char problem[PROBLEM_SIZE])
{
    const struct flips *flips = context;

    write_flipped(flips, place_of_flip(flips, index));
    enum outcome read = read_flipped(flips, problem);
    enum outcome written = write_on_flipped(flips, problem);
    return (int)(written > read ? written : read);
}

static void note_flip(void *context, unsigned index, int answer, const char *problem)
{
    const struct flips *flips = context;
    struct figures *figures = &flips->torture->figures;

    figures->count[FAULT_FLIP]++;
    figures->unused += answer == OUTCOME_UNUSED;
    figures->found += answer == OUTCOME_FOUND;
    figures->fallen_back += answer == OUTCOME_FALLEN_BACK;
    figures->ended += answer < 0;
    if (answer == OUTCOME_WRONG || answer == OUTCOME_FALLEN_BACK) {
        torture_violated(flips->torture, "seed %llu, byte %llu flipped: %s: %s",
                         (unsigned long long)flips->script->seed,
                         (unsigned long long)place_of_flip(flips, index),
                         answer == OUTCOME_WRONG ? "wrong" : "an older state", problem);
    }
}

static void read_intact(struct flips *flips)
{
    struct stat about;
    int file = open(flips->path, O_RDONLY);

    ENSURE(file >= 0 && fstat(file, &about) == 0);
    uint8_t *bytes = buffer_extend(&flips->intact, (size_t)about.st_size);
    ENSURE(read(file, bytes, (size_t)about.st_size) == about.st_size);
    close(file);
}

void torture_flip(struct torture *torture, uint64_t seed, size_t step_count, uint64_t stride)
{
    static struct script script;
    char trace[PATH_MAX];
    struct flips flips = {.torture = torture, .script = &script, .stride = stride};

    script_init(&script, seed, step_count);
    snprintf(trace, sizeof trace, "%s/trace", torture->place);
    ENSURE(torture_run(torture, &script, NULL, trace) == 0);
    snprintf(flips.path, sizeof flips.path, "%s/feed/data.mdb", torture->left);
    read_intact(&flips);
    while (flips.from < flips.intact.size && !torture_is_over(torture)) {
        uint64_t left = (flips.intact.size - flips.from + stride - 1) / stride;
        unsigned count = (unsigned)min_u64(left, BATCH_COUNT);
        torture_apart(count, look_at_flip, note_flip, &flips);
        flips.from += count * stride;
    }
    buffer_deinit(&flips.intact);
}
