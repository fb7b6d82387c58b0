/*
 * bench.h - what the benchmarks share: a place that is removed, a system that is ended, figures.
 *
 * Everything here stops the process when it fails: a benchmark that cannot measure has nothing
 * to say.
 */
#ifndef TESTS_BENCH_SUPPORT_BENCH_H
#define TESTS_BENCH_SUPPORT_BENCH_H

#include "core/base/memory.h"

#include <sys/types.h>

#define BENCH_PATH_SIZE 80 /* A socket's path has 107 bytes. */

/* Makes a directory for this run, under MAILLON_BENCH_PLACE or /tmp, removed when the process
 * ends, also by a signal. Ends the process after `seconds_max`. Raises the limit of
 * descriptors. Call it once, first. */
const char *bench_begin(unsigned seconds_max);

/* Removes a directory below the place and all in it. */
void bench_remove(const char *path);

uint64_t bench_nanos(void); /* Of a clock that only goes forward. */

/* Starts maillond on `data`, one role or (NULL) all of them, with more arguments up to NULL; and
 * ends it. A child that is still there when the process ends is ended too. */
pid_t bench_start(const char *data, const char *role, const char *const *more);
void bench_stop(pid_t child);

/* Starts this program again with two arguments. */
pid_t bench_start_self(const char *first, const char *second);

/* The value of one line of a role's metrics page, by the whole text in front of it. Waits up to
 * 10 s for the page. */
double bench_metric(const char *data, const char *role, const char *name);

/* Waits until a role is live and has taken in everything its upstream has. */
void bench_wait_live(const char *data, const char *role);

/* A row of /proc/PID/status, in bytes: "VmRSS", "RssAnon", "RssFile". */
uint64_t bench_memory(pid_t process, const char *name);

/* Processor time a process has used, in seconds. */
double bench_processor_seconds(pid_t process);

/* The median of `count` figures, which are put in order. */
double bench_median(double *figures, size_t count);

/* Latencies in microseconds, counted in buckets of at most 1.6 % width. */
struct histogram {
    uint64_t counts[64 * 64];
    uint64_t count;
    uint64_t max;
};
void histogram_add(struct histogram *histogram, uint64_t micros, uint64_t count);
uint64_t histogram_at(const struct histogram *histogram, unsigned per_mille);

/* LMDB alone: transactions of `batch` values of `value_size` bytes, appended in its default mode,
 * for about `seconds`. Microseconds a commit in the median. */
struct raw_figures {
    double per_second;
    double commit_micros;
};
struct raw_figures bench_lmdb(const char *path, size_t batch, size_t value_size, double seconds);

#endif
