#include "tests/torture/torture.h"

#include "tests/unit/journal_fixture.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>

#define APART_COUNT_MAX 4096
#define RUN_SECONDS 60
#define VIOLATIONS_TOLD_MAX 20

void torture_clear(const char *directory)
{
    char inner[PATH_MAX];
    const struct dirent *found = NULL;
    DIR *folder = opendir(directory);

    if (folder == NULL) {
        ENSURE(mkdir(directory, 0700) == 0);
        return;
    }
    while ((found = readdir(folder)) != NULL) {
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0) {
            continue;
        }
        snprintf(inner, sizeof inner, "%s/%s", directory, found->d_name);
        if (unlink(inner) != 0) {
            torture_clear(inner);
            ENSURE(rmdir(inner) == 0);
        }
    }
    closedir(folder);
}

/* In memory where there is such a folder: nobody cuts the power here. */
void torture_open(struct torture *torture, const char *programs)
{
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    *torture = (struct torture){.programs = programs};
    snprintf(torture->place, sizeof torture->place, "%s/torture-XXXXXX", parent);
    ENSURE(mkdtemp(torture->place) != NULL);
    snprintf(torture->left, sizeof torture->left, "%s/left", torture->place);
    snprintf(torture->count, sizeof torture->count, "%s/count", torture->place);
    torture_clear(torture->left);
}

void torture_close(struct torture *torture)
{
    buffer_deinit(&torture->problems);
    torture_clear(torture->place);
    ENSURE(rmdir(torture->place) == 0);
}

void torture_violated(struct torture *torture, const char *format, ...)
{
    char problem[2 * PROBLEM_SIZE];
    va_list arguments;

    if (torture->figures.violations++ < VIOLATIONS_TOLD_MAX) {
        va_start(arguments, format);
        buffer_append_text(&torture->problems, "torture: ");
        vsnprintf(problem, sizeof problem, format, arguments);
        buffer_append_text(&torture->problems, problem);
        buffer_append_text(&torture->problems, "\n");
        va_end(arguments);
    }
}

bool torture_is_over(const struct torture *torture)
{
    return torture->figures.violations >= VIOLATIONS_TOLD_MAX;
}

/* --- Children that look ---------------------------------------------------------------------- */

struct seat {
    int answer;
    char problem[PROBLEM_SIZE];
};

struct seats {
    unsigned next; /* The one in use, or count. */
    struct seat of[APART_COUNT_MAX];
};

/* What damage makes a library say on its way down is no news. */
static void be_quiet(void)
{
    int nothing = open("/dev/null", O_WRONLY);

    dup2(nothing, STDERR_FILENO);
    close(nothing);
}

static _Noreturn void look_on(struct seats *seats, unsigned count, torture_look look, void *context)
{
    be_quiet();
    for (; seats->next < count; seats->next++) {
        struct seat *seat = &seats->of[seats->next];
        seat->answer = look(context, seats->next, seat->problem);
    }
    _exit(0);
}

void torture_apart(unsigned count, torture_look look, torture_told told, void *context)
{
    static struct seats *seats;

    if (seats == NULL) {
        seats =
            mmap(NULL, sizeof *seats, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ENSURE(seats != MAP_FAILED);
    }
    ENSURE(count <= APART_COUNT_MAX);
    seats->next = 0;
    while (seats->next < count) {
        fflush(NULL);
        pid_t child = fork();
        ENSURE(child >= 0);
        if (child == 0) {
            look_on(seats, count, look, context);
        }
        int how = wait_for(child);
        if (how != 0) {
            seats->of[seats->next].answer = 128 - how;
            snprintf(seats->of[seats->next].problem, PROBLEM_SIZE, "the reader ended with %d", how);
            seats->next++;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        told(context, i, seats->of[i].answer, seats->of[i].problem);
    }
}

/* --- The tortured process ----------------------------------------------------------------------
 */

static _Noreturn void become_workload(const struct torture *torture, const struct script *script,
                                      const char *fault, const char *trace)
{
    char program[PATH_MAX];
    char recorder[PATH_MAX];
    char seed[32];
    char steps[32];

    snprintf(program, sizeof program, "%s/torture_workload", torture->programs);
    snprintf(recorder, sizeof recorder, "%s/librecorder.so", torture->programs);
    snprintf(seed, sizeof seed, "%" PRIu64, script->seed);
    snprintf(steps, sizeof steps, "%zu", script->step_count);
    setenv("LD_PRELOAD", recorder, 1);
    setenv("TORTURE_ROOT", torture->left, 1);
    setenv("TORTURE_TRACE", trace, 1);
    setenv("TORTURE_COUNT", torture->count, 1);
    if (fault != NULL) {
        setenv("TORTURE_FAULT", fault, 1);
        be_quiet();
    }
    alarm(RUN_SECONDS);
    execl(program, program, torture->left, seed, steps, (char *)NULL);
    _exit(127);
}

int torture_run(const struct torture *torture, const struct script *script, const char *fault,
                const char *trace)
{
    torture_clear(torture->left);
    unlink(trace);
    unlink(torture->count);
    fflush(NULL);
    pid_t child = fork();
    ENSURE(child >= 0);
    if (child == 0) {
        become_workload(torture, script, fault, trace);
    }
    return wait_for(child);
}

uint64_t torture_calls(const struct torture *torture)
{
    uint64_t count = 0;
    int file = open(torture->count, O_RDONLY);

    ENSURE(file >= 0 && read(file, &count, sizeof count) == sizeof count);
    close(file);
    return count;
}
