/*
 * intake_curve.h - what CURVE costs at the gateway: the same clients over ipc and over tcp with
 * keys.
 */
#ifndef TESTS_BENCH_INTAKE_CURVE_H
#define TESTS_BENCH_INTAKE_CURVE_H

struct curve_setting {
    unsigned clients, window, rounds;
    double seconds; /* Of each half of a round. */
};

/* Prints one line: the medians of both, and the factor. */
void intake_curve(const char *place, const struct curve_setting *setting);

#endif
