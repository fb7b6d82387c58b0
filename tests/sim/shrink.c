#include "tests/sim/shrink.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUN_SECONDS_MAX 60
#define TRY_COUNT_MAX 400 /* Runs that making one small may take. */
#define LINE_SIZE 65536

/* --- Apart
 * ----------------------------------------------------------------------------------------- */

static _Noreturn void run_child(const struct scenario *scenario, int pipe)
{
    static struct figures figures;
    static uint64_t seen[SITUATION_COUNT];
    static struct outcome_of_run outcome;

    alarm(RUN_SECONDS_MAX);
    run_scenario(scenario, false, &figures, seen, &outcome);
    _exit(write(pipe, &outcome, sizeof outcome) == sizeof outcome ? 0 : 1);
}

void run_apart(const struct scenario *scenario, struct outcome_of_run *outcome)
{
    int pipes[2];
    int how = 0;

    ENSURE(pipe(pipes) == 0);
    pid_t child = fork();
    ENSURE(child >= 0);
    if (child == 0) {
        close(pipes[0]);
        run_child(scenario, pipes[1]);
    }
    close(pipes[1]);
    if (read(pipes[0], outcome, sizeof *outcome) != sizeof *outcome) {
        *outcome = (struct outcome_of_run){.is_good = false};
    }
    close(pipes[0]);
    ENSURE(waitpid(child, &how, 0) == child);
    if (WIFSIGNALED(how)) {
        snprintf(outcome->problem, sizeof outcome->problem, "ended by signal %d", WTERMSIG(how));
    }
}

/* --- Smaller
 * --------------------------------------------------------------------------------------- */

struct shrinking {
    struct scenario *scenario;
    const char *problem;
    uint32_t try_count;
};

/* The same promise, whatever the numbers in it. */
static bool is_same_problem(const char *left, const char *right)
{
    while (*left != '\0' && *right != '\0') {
        if (isdigit((unsigned char)*left) && isdigit((unsigned char)*right)) {
            left += strspn(left, "0123456789");
            right += strspn(right, "0123456789");
        } else if (*left++ != *right++) {
            return false;
        }
    }
    return *left == *right;
}

static bool still_fails(struct shrinking *shrinking, const struct scenario *scenario)
{
    struct outcome_of_run outcome;

    if (shrinking->try_count++ >= TRY_COUNT_MAX) {
        return false;
    }
    run_apart(scenario, &outcome);
    return !outcome.is_good && is_same_problem(outcome.problem, shrinking->problem);
}

/* Takes the candidate when it fails too. */
static bool try_it(struct shrinking *shrinking, const struct scenario *candidate)
{
    bool is_taken = still_fails(shrinking, candidate);

    if (is_taken) {
        *shrinking->scenario = *candidate;
    }
    return is_taken;
}

/* The shortest prefix of strikes that is enough. */
static void cut_strikes(struct shrinking *shrinking)
{
    uint64_t low = 0;
    uint64_t high = shrinking->scenario->strikes_max;

    while (low < high) {
        struct scenario candidate = *shrinking->scenario;
        candidate.strikes_max = low + (high - low) / 2;
        if (try_it(shrinking, &candidate)) {
            high = candidate.strikes_max;
        } else {
            low = candidate.strikes_max + 1;
        }
    }
}

static void drop_classes(struct shrinking *shrinking)
{
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        struct scenario candidate = *shrinking->scenario;
        candidate.fault_mask &= ~((uint64_t)1 << i);
        if (candidate.fault_mask != shrinking->scenario->fault_mask) {
            (void)try_it(shrinking, &candidate);
        }
    }
}

static void drop_actors(struct shrinking *shrinking)
{
    for (uint32_t i = 1; i < CLIENT_COUNT_MAX && i < shrinking->scenario->client_max; i++) {
        struct scenario candidate = *shrinking->scenario;
        candidate.client_max = i;
        if (try_it(shrinking, &candidate)) {
            break;
        }
    }
    struct scenario candidate = *shrinking->scenario;
    for (candidate.command_max = 1024; candidate.command_max > 0; candidate.command_max /= 2) {
        if (!try_it(shrinking, &candidate) && candidate.command_max < 64) {
            break;
        }
    }
}

/* The strikes from `at` on, `piece` of them, besides those left out already: both ascending. */
static size_t join(const uint32_t *known, size_t known_count, uint64_t at, uint64_t piece,
                   uint32_t *joined)
{
    size_t filled = 0;
    size_t next = 0;

    for (; next < known_count && known[next] < at; next++) {
        joined[filled++] = known[next];
    }
    for (uint64_t strike = at; strike < at + piece; strike++) {
        joined[filled++] = (uint32_t)strike;
    }
    for (; next < known_count; next++) {
        if (known[next] >= at + piece) {
            joined[filled++] = known[next];
        }
    }
    return filled;
}

/* Leaves out a piece of the strikes when the run fails without it too. */
static void drop_piece(struct shrinking *shrinking, uint64_t at, uint64_t piece)
{
    static uint32_t joined[STRIKES_LEFT_OUT_MAX];
    uint32_t *known = shrinking->scenario->left_out;
    struct scenario candidate = *shrinking->scenario;

    candidate.left_out = joined;
    candidate.left_out_count = join(known, shrinking->scenario->left_out_count, at, piece, joined);
    if (candidate.left_out_count > shrinking->scenario->left_out_count &&
        still_fails(shrinking, &candidate)) {
        memcpy(known, joined, candidate.left_out_count * sizeof *known);
        shrinking->scenario->left_out_count = candidate.left_out_count;
    }
}

/* Leaves out strikes in pieces, then in smaller ones (Zeller and Hildebrandt, 2002). */
static void drop_strikes(struct shrinking *shrinking)
{
    uint64_t count = shrinking->scenario->strikes_max;

    if (count > STRIKES_LEFT_OUT_MAX) {
        return;
    }
    shrinking->scenario->left_out =
        memory_take(STRIKES_LEFT_OUT_MAX, sizeof *shrinking->scenario->left_out);
    for (uint64_t piece = count / 2; piece > 0; piece /= 2) {
        for (uint64_t at = 0; at < count; at += piece) {
            drop_piece(shrinking, at, min_u64(piece, count - at));
        }
    }
}

void shrink(struct scenario *scenario, const char *problem)
{
    struct shrinking shrinking = {.scenario = scenario, .problem = problem};
    struct outcome_of_run outcome;

    run_apart(scenario, &outcome);
    scenario->strikes_max = min_u64(scenario->strikes_max, outcome.strike_count);
    cut_strikes(&shrinking);
    drop_classes(&shrinking);
    drop_actors(&shrinking);
    cut_strikes(&shrinking);
    drop_strikes(&shrinking);
}

/* --- Files
 * ----------------------------------------------------------------------------------------- */

static void write_classes(FILE *file, uint64_t mask)
{
    const char *separator = "faults ";

    for (size_t i = 0; i < FAULT_COUNT; i++) {
        if ((mask >> i & 1) != 0) {
            fprintf(file, "%s%s", separator, FAULT_NAMES[i]);
            separator = ",";
        }
    }
    fputs(mask == 0 ? "faults none\n" : "\n", file);
}

bool scenario_write(const struct scenario *scenario, const char *problem, const char *path)
{
    FILE *file = fopen(path, "we");

    if (file == NULL) {
        return false;
    }
    fprintf(file, "# %s\nseed %llu\n", problem, (unsigned long long)scenario->seed);
    write_classes(file, scenario->fault_mask & (((uint64_t)1 << FAULT_COUNT) - 1));
    fprintf(file, "strikes %llu\nclients %u\ncommands %u\n",
            (unsigned long long)scenario->strikes_max, scenario->client_max, scenario->command_max);
    for (size_t i = 0; i < scenario->left_out_count; i++) {
        fprintf(file, "%s%u", i == 0 ? "without " : ",", scenario->left_out[i]);
    }
    fputs(scenario->left_out_count > 0 ? "\n" : "", file);
    return fclose(file) == 0;
}

/* False when a class has another name now. */
static bool read_classes(char *names, uint64_t *mask)
{
    *mask = 0;
    for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) {
        size_t at = 0;
        while (at < FAULT_COUNT && strcmp(FAULT_NAMES[at], name) != 0) {
            at++;
        }
        if (at == FAULT_COUNT && strcmp(name, "none") != 0) {
            return false;
        }
        *mask |= at < FAULT_COUNT ? (uint64_t)1 << at : 0;
    }
    return true;
}

static void read_left_out(char *numbers, struct scenario *scenario)
{
    scenario->left_out = memory_take(STRIKES_LEFT_OUT_MAX, sizeof *scenario->left_out);
    for (char *number = strtok(numbers, ",");
         number != NULL && scenario->left_out_count < STRIKES_LEFT_OUT_MAX;
         number = strtok(NULL, ",")) {
        scenario->left_out[scenario->left_out_count++] = (uint32_t)strtoul(number, NULL, 10);
    }
}

static bool read_line(char *line, struct scenario *scenario)
{
    char *value = strchr(line, ' ');

    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '#' || line[0] == '\0') {
        return true;
    }
    if (value == NULL) {
        return false;
    }
    *value++ = '\0';
    if (strcmp(line, "faults") == 0) {
        return read_classes(value, &scenario->fault_mask);
    }
    if (strcmp(line, "without") == 0) {
        read_left_out(value, scenario);
        return true;
    }
    uint64_t number = strtoull(value, NULL, 10);
    if (strcmp(line, "seed") == 0) {
        scenario->seed = number;
    } else if (strcmp(line, "strikes") == 0) {
        scenario->strikes_max = number;
    } else if (strcmp(line, "clients") == 0) {
        scenario->client_max = (uint32_t)number;
    } else if (strcmp(line, "commands") == 0) {
        scenario->command_max = (uint32_t)number;
    } else {
        return false;
    }
    return true;
}

bool scenario_read(const char *path, struct scenario *scenario)
{
    static char line[LINE_SIZE];
    FILE *file = fopen(path, "re");
    bool is_good = file != NULL;

    *scenario = scenario_of(0);
    while (is_good && fgets(line, sizeof line, file) != NULL) {
        is_good = read_line(line, scenario);
    }
    if (file != NULL) {
        fclose(file);
    }
    return is_good;
}
