/*
 * booking.h - what commitments leave of a line's days.
 *
 * A commitment is so many units by a deadline. What is still to make is booked as late as its
 * deadline allows, which leaves the part of the plan that may still move all its freedom. A
 * day that passes has made what was to be made first. Pure functions of their arguments.
 */
#ifndef CORE_PLAN_BOOKING_H
#define CORE_PLAN_BOOKING_H

#include "core/base/memory.h"

struct booking {
    int32_t deadline; /* The last day on which it may be made. */
    uint32_t number;  /* The caller's; not read. */
    int64_t units;    /* Still to make. */
};

struct booking_span { /* A day, or some that are not told apart. */
    int32_t last;     /* Its last day. */
    int64_t capacity;
    int64_t left; /* Out: what is not booked. */
};

/* Fills in what each span has left; spans ascend by day, bookings by deadline. A span that ends
 * behind a deadline is too late for it. As many units as possible are in time; the others are made
 * as soon as the rest allows. Returns how many these are, those that fit nowhere included. */
int64_t booking_fill(struct booking_span *spans, size_t span_count, const struct booking *bookings,
                     size_t booking_count);

/* A day with so many units has passed: what had the earliest deadline is made. */
void booking_make(int64_t capacity, struct booking *bookings, size_t count);

#endif
