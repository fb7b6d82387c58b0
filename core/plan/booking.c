/*
 * booking.c - deadlines forwards, bookings backwards.
 *
 * All units can be in time exactly when for every deadline those up to it fit into the days up to
 * it (Jackson's rule, 1955). So a pass forwards takes what still fits, a pass backwards puts it
 * as late as it may be, and what is too late anyhow fills the first days that are free.
 *
 *     capacity      5   5   5   5        bookings: 4 by day 1, 8 by day 3
 *     left          5   1   2   0
 */
#include "core/plan/booking.h"

/* Counts in `left` the units to be made by the end of each span; returns those that cannot be. */
static int64_t accept(struct booking_span *spans, size_t span_count, const struct booking *bookings,
                      size_t booking_count)
{
    int64_t room = 0; /* Up to the deadline, beside what was accepted. */
    int64_t missed = 0;
    size_t at = 0;

    for (size_t i = 0; i < booking_count; i++) {
        for (; at < span_count && spans[at].last <= bookings[i].deadline; at++) {
            room += spans[at].capacity;
        }
        int64_t accepted = min_i64(room, bookings[i].units);
        if (accepted > 0) {
            spans[at - 1].left += accepted;
        }
        room -= accepted;
        missed += bookings[i].units - accepted;
    }
    return missed;
}

int64_t booking_fill(struct booking_span *spans, size_t span_count, const struct booking *bookings,
                     size_t booking_count)
{
    int64_t waiting = 0;

    for (size_t i = 0; i < span_count; i++) {
        spans[i].left = 0;
    }
    int64_t missed = accept(spans, span_count, bookings, booking_count);
    for (size_t i = span_count; i > 0; i--) {
        struct booking_span *span = &spans[i - 1];
        waiting += span->left;
        int64_t booked = min_i64(waiting, span->capacity);
        span->left = span->capacity - booked;
        waiting -= booked;
    }
    ENSURE(waiting == 0);
    waiting = missed;
    for (size_t i = 0; i < span_count; i++) {
        int64_t booked = min_i64(waiting, spans[i].left);
        spans[i].left -= booked;
        waiting -= booked;
    }
    return missed;
}

void booking_make(int64_t capacity, struct booking *bookings, size_t count)
{
    for (size_t i = 0; i < count && capacity > 0; i++) {
        int64_t made = min_i64(capacity, bookings[i].units);
        bookings[i].units -= made;
        capacity -= made;
    }
}
