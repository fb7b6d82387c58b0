/*
 * calls.c - one call of the process goes wrong: each call in turn, in each way.
 *
 * What is left is checked as it stands, and then once more as a power cut at that moment leaves
 * it: a sync that failed has covered nothing.
 */
#include "tests/torture/torture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define REFUSED 74 /* workload.c */

struct left {
    struct torture *torture;
    const struct script *script;
    struct expectation expectation;
    enum fault fault;
    uint64_t call;
};

static int look_at_left(void *context, unsigned index, char problem[PROBLEM_SIZE])
{
    const struct left *left = context;

    (void)index;
    return check_left(left->script, &left->expectation, left->torture->left, problem) ? 0 : 1;
}

static void note_left(void *context, unsigned index, int answer, const char *problem)
{
    const struct left *left = context;

    (void)index;
    if (answer != 0) {
        torture_violated(left->torture, "seed %llu, %s at call %llu, %zu steps of %zu: %s",
                         (unsigned long long)left->script->seed, FAULTS[left->fault].name,
                         (unsigned long long)left->call, left->expectation.acknowledged,
                         left->expectation.begun, problem);
    }
}

static struct expectation read_marks(const char *path)
{
    struct expectation expectation = {0};
    struct trace trace = trace_map(path);
    struct record record;
    const uint8_t *data = NULL;

    while (trace_next(&trace, &record, &data)) {
        if (record.call == CALL_MARK) {
            expectation_take(&expectation, &record);
        }
    }
    trace_unmap(&trace);
    return expectation;
}

static bool is_clean_end(enum fault fault, int how)
{
    bool kills = fault == FAULT_KILL_BEFORE || fault == FAULT_KILL_AFTER;

    return how == 0 || how == REFUSED || (kills && how == 128 + SIGKILL);
}

static void fail_call(struct left *left, const char *trace)
{
    struct torture *torture = left->torture;
    char fault[64];

    snprintf(fault, sizeof fault, "%s:%llu", FAULTS[left->fault].name,
             (unsigned long long)left->call);
    int how = torture_run(torture, left->script, fault, trace);
    left->expectation = read_marks(trace);
    torture->figures.count[left->fault]++;
    torture->figures.calls++;
    if (!is_clean_end(left->fault, how)) {
        torture_violated(torture, "seed %llu, %s: the workload ended with %d",
                         (unsigned long long)left->script->seed, fault, how);
        return;
    }
    torture_apart(1, look_at_left, note_left, left);
    torture_cut_end(torture, left->script, trace);
}

void torture_fail_calls(struct torture *torture, uint64_t seed, size_t step_count, uint64_t stride)
{
    static struct script script;
    struct left left = {.torture = torture, .script = &script};
    char trace[PATH_MAX];

    snprintf(trace, sizeof trace, "%s/trace", torture->place);
    script_init(&script, seed, step_count);
    int how = torture_run(torture, &script, NULL, trace);
    if (how != 0) {
        torture_violated(torture, "the workload ended with %d", how);
        return;
    }
    uint64_t call_count = torture_calls(torture);
    for (left.call = 1; left.call <= call_count && !torture_is_over(torture); left.call += stride) {
        for (left.fault = FAULT_CALL_FIRST; left.fault < FAULT_CALL_END; left.fault++) {
            fail_call(&left, trace);
        }
    }
}
