/*
 * images.c - the power goes after every call of a trace, in every way that a disk may take it.
 *
 *     workload with recorder ──▶ trace ──▶ disk ──▶ image ──▶ checker
 *                                   └── marks ──▶ expectation ──┘
 */
#include "tests/torture/torture.h"

#include <stdio.h>

/* A point in the trace, and what is looked at there. */
struct point {
    struct torture *torture;
    const struct script *script;
    const struct disk *disk;
    struct expectation expectation;
    uint64_t number; /* Of the call behind which the power goes. */
};

/* Image `index` of a point: its fault, and which variant of it. */
static enum fault fault_of(const struct point *point, unsigned index, unsigned *variant)
{
    *variant = index;
    for (enum fault fault = FAULT_POWER_FIRST; fault < FAULT_POWER_END; fault++) {
        unsigned count = disk_variants(point->disk, fault);
        if (*variant < count) {
            return fault;
        }
        *variant -= count;
    }
    UNREACHABLE();
}

static unsigned count_images(const struct point *point)
{
    unsigned count = 0;

    for (enum fault fault = FAULT_POWER_FIRST; fault < FAULT_POWER_END; fault++) {
        count += disk_variants(point->disk, fault);
    }
    return count;
}

static int look_at_image(void *context, unsigned index, char problem[PROBLEM_SIZE])
{
    const struct point *point = context;
    unsigned variant = 0;
    enum fault fault = fault_of(point, index, &variant);
    uint64_t seed = point->script->seed * 1000003 + point->number;

    torture_clear(point->torture->left);
    disk_cut(point->disk, fault, variant, seed, point->torture->left);
    return check_left(point->script, &point->expectation, point->torture->left, problem) ? 0 : 1;
}

static void count_image(void *context, unsigned index, int answer, const char *problem)
{
    const struct point *point = context;
    struct torture *torture = point->torture;
    unsigned variant = 0;
    enum fault fault = fault_of(point, index, &variant);

    torture->figures.count[fault]++;
    torture->figures.images++;
    if (answer != 0) {
        torture_violated(torture,
                         "seed %llu, power lost after call %llu, %s %u, %zu steps of %zu: %s",
                         (unsigned long long)point->script->seed, (unsigned long long)point->number,
                         FAULTS[fault].name, variant, point->expectation.acknowledged,
                         point->expectation.begun, problem);
    }
}

static void look_at_point(struct point *point)
{
    torture_apart(count_images(point), look_at_image, count_image, point);
}

static void take_record(struct point *point, struct disk *disk, const struct record *record,
                        const uint8_t *data)
{
    struct expectation *expectation = &point->expectation;

    disk_take(disk, record, data);
    point->number++;
    if (record->call == CALL_MARK) {
        expectation_take(expectation, record);
        if (point->torture->acknowledges_early) {
            expectation->acknowledged = expectation->begun;
        }
    }
}

/* Looks after every call, or, `at_end`, after the last one only. */
static void walk(struct torture *torture, const struct script *script, const char *path,
                 uint64_t image_max, bool at_end)
{
    struct trace trace = trace_map(path);
    struct disk *disk = NULL;
    struct record record;
    const uint8_t *data = NULL;

    disk_open(torture->lie, &disk);
    struct point point = {.torture = torture, .script = script, .disk = disk};
    while (trace_next(&trace, &record, &data)) {
        take_record(&point, disk, &record, data);
        if (!at_end && torture->figures.images < image_max && !torture_is_over(torture)) {
            look_at_point(&point);
        }
    }
    if (at_end) {
        look_at_point(&point);
    }
    disk_close(disk);
    trace_unmap(&trace);
}

void torture_cut_end(struct torture *torture, const struct script *script, const char *trace)
{
    walk(torture, script, trace, UINT64_MAX, true);
}

void torture_cut(struct torture *torture, uint64_t seed, size_t step_count, uint64_t image_max)
{
    static struct script script;
    char trace[PATH_MAX];

    snprintf(trace, sizeof trace, "%s/trace", torture->place);
    script_init(&script, seed, step_count);
    int how = torture_run(torture, &script, NULL, trace);
    if (how != 0) {
        torture_violated(torture, "seed %llu: the workload ended with %d", (unsigned long long)seed,
                         how);
        return;
    }
    torture->figures.scripts++;
    walk(torture, &script, trace, image_max, false);
}
