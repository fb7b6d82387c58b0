/*
 * planted.c - bugs that must be found, one at a time: a harness that finds nothing must show that
 * it could have.
 *
 * Some are lies of the disk or of the process, told where the images are made. The others are in
 * the journal, in a build with -Dmutants=true.
 */
#include "tests/torture/torture.h"

#include "core/base/mutant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define IMAGES_MAX 3000
#define STEP_COUNT 24
#define FLIP_STEP_COUNT 4
#define CALL_STEP_COUNT 8
#define SEED 3

enum search { SEARCH_IMAGES, SEARCH_FLIPS, SEARCH_CALLS };

struct planted {
    const char *what;
    enum search search;
    enum lie lie;
    bool acknowledges_early;
    unsigned mutant; /* 0: none. */
};

static const struct planted PLANTED[] = {
    {.what = "no sync of data", .lie = LIE_DATA},
    {.what = "no sync of LMDB's root", .lie = LIE_META},
    {.what = "no sync of folders", .lie = LIE_NAMES},
    {.what = "acknowledged before the commit", .acknowledges_early = true},
    {.what = "a failed commit counts as good", .search = SEARCH_CALLS, .mutant = 50},
    {.what = "checksum and chain are not looked at", .search = SEARCH_FLIPS, .mutant = 51},
    {.what = "rows are not looked at", .search = SEARCH_FLIPS, .mutant = 52},
    {.what = "roots are not looked at", .search = SEARCH_FLIPS, .mutant = 53},
};

static void search(struct torture *torture, enum search how)
{
    switch (how) {
    case SEARCH_IMAGES:
        torture_cut(torture, SEED, STEP_COUNT, IMAGES_MAX);
        return;
    case SEARCH_FLIPS:
        torture_flip(torture, SEED + 1, FLIP_STEP_COUNT, 3);
        return;
    case SEARCH_CALLS:
        torture_fail_calls(torture, SEED, CALL_STEP_COUNT, 1);
        return;
    }
    UNREACHABLE();
}

static void plant(struct torture *torture, const struct planted *planted)
{
    char number[16];

    torture->lie = planted->lie;
    torture->acknowledges_early = planted->acknowledges_early;
    if (planted->mutant != 0) {
        ENSURE(mutant_plant(planted->mutant));
        snprintf(number, sizeof number, "%u", planted->mutant);
        setenv("TORTURE_MUTANT", number, 1);
    }
}

static _Noreturn void look_for(const char *programs, const struct planted *planted)
{
    struct torture torture;

    torture_open(&torture, programs);
    plant(&torture, planted);
    search(&torture, planted->search);
    const char *problem = torture.figures.violations > 0 ? (const char *)torture.problems.data : "";
    int size = (int)strcspn(problem, "\n");
    fprintf(stderr, "%-40s %.*s\n", planted->what, size, size > 0 ? problem : "NOT FOUND");
    int code = torture.figures.violations > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    torture_close(&torture);
    _exit(code);
}

/* In a child: what is planted stays planted. */
static bool is_found(const char *programs, const struct planted *planted)
{
    int how = 0;

    fflush(NULL);
    pid_t child = fork();
    ENSURE(child >= 0);
    if (child == 0) {
        look_for(programs, planted);
    }
    ENSURE(waitpid(child, &how, 0) == child);
    return how == 0;
}

void torture_find_planted(const char *programs, bool has_mutants, struct planted_figures *figures)
{
    *figures = (struct planted_figures){0};
    for (size_t i = 0; i < COUNT_OF(PLANTED); i++) {
        if (PLANTED[i].mutant == 0 || has_mutants) {
            figures->planted++;
            figures->found += is_found(programs, &PLANTED[i]);
        }
    }
}
