/*
 * workload.c - the process that is tortured: the real journal, going through a script.
 *
 *     workload DIRECTORY SEED STEPS    with TORTURE_MUTANT=N, bug N is planted
 *
 * It says by marks of the recorder, when that is preloaded, what begins and what is acknowledged.
 * Ends with 0, or with 74 when the journal refused, as a role does: a full disk may be asked
 * again, after anything else nothing more is done.
 */
#include "core/base/mutant.h"
#include "tests/torture/script.h"
#include "tests/torture/trace.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define REFUSED 74
#define USAGE 64
#define TRY_COUNT 3

struct work {
    void (*mark)(uint64_t mark, uint64_t number); /* NULL: nobody records. */
    const char *directory;
    struct script script;
    struct journal *journal;
};

static void mark(const struct work *work, enum mark what, uint64_t number)
{
    if (work->mark != NULL) {
        work->mark(what, number);
    }
}

static enum status open_feed(struct work *work)
{
    char path[PATH_MAX];
    struct journal_options options =
        script_options(&work->script, work->directory, path, sizeof path);

    journal_close(work->journal);
    work->journal = NULL;
    return journal_open(&options, &work->journal);
}

static enum status run_step(struct work *work, size_t index)
{
    const struct step *step = &work->script.steps[index];
    char path[PATH_MAX];

    switch (step->action) {
    case ACTION_COMMIT:
        return script_write(step, &work->script.states[index], work->journal);
    case ACTION_REOPEN:
        return open_feed(work);
    case ACTION_COPY:
        script_copy_path(work->directory, index, path, sizeof path);
        return journal_backup(work->journal, path);
    }
    UNREACHABLE();
}

/* Full changed nothing, and may be over the next time. */
static enum status try_step(struct work *work, size_t index)
{
    enum status status = STATUS_FULL;

    for (int i = 0; i < TRY_COUNT && status == STATUS_FULL; i++) {
        status = run_step(work, index);
        ENSURE(status != STATUS_FULL || work->journal == NULL ||
               journal_head(work->journal).last == work->script.states[index].last);
    }
    return status;
}

static int refuse(const char *what, size_t index, enum status status)
{
    fprintf(stderr, "workload: %s %zu: %s\n", what, index, status_name(status));
    return REFUSED;
}

static int run(struct work *work)
{
    enum status status = open_feed(work);

    if (status != STATUS_OK) {
        return refuse("open", 0, status);
    }
    mark(work, MARK_OPENED, journal_head(work->journal).epoch);
    for (size_t i = 0; i < work->script.step_count; i++) {
        mark(work, MARK_BEGUN, i);
        status = try_step(work, i);
        if (status != STATUS_OK) {
            return refuse("step", i, status);
        }
        mark(work, MARK_DONE, i);
    }
    journal_close(work->journal);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static struct work work;

    if (argc != 4) {
        return USAGE;
    }
    const char *bug = getenv("TORTURE_MUTANT");
    ENSURE(bug == NULL || mutant_plant((unsigned)strtoul(bug, NULL, 10)));
    *(void **)&work.mark = dlsym(RTLD_DEFAULT, "recorder_mark");
    work.directory = argv[1];
    script_init(&work.script, strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
    return run(&work);
}
