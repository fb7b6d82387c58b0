/*
 * calendar.h - days and times as integers.
 *
 * A day counts from 1970-01-01 = 0 in the Gregorian calendar, UTC. A time counts
 * milliseconds from the same midnight.
 */
#ifndef CORE_BASE_CALENDAR_H
#define CORE_BASE_CALENDAR_H

#include "core/base/base.h"

#define DAY_NONE INT32_MIN /* Not given. */
#define DAY_MIN 0          /* 1970-01-01 */
#define DAY_MAX 2932896    /* 9999-12-31 */
#define DAY_MS 86400000u
#define TIME_NONE UINT64_MAX /* Not given. */
#define DAY_TEXT_SIZE 10     /* YYYY-MM-DD */
#define TIME_TEXT_SIZE 24    /* YYYY-MM-DDTHH:MM:SS.mmmZ */

/* `YYYY-MM-DD` of a real day between DAY_MIN and DAY_MAX; STATUS_MALFORMED else. */
MUST_USE enum status day_from_text(struct bytes text, int32_t *day);

/* Writes DAY_TEXT_SIZE characters and a terminator. */
void day_to_text(int32_t day, char text[DAY_TEXT_SIZE + 1]);

/* `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SS[.fraction]Z`; STATUS_MALFORMED else. */
MUST_USE enum status time_from_text(struct bytes text, uint64_t *time_ms);

/* Writes TIME_TEXT_SIZE characters and a terminator. */
void time_to_text(uint64_t time_ms, char text[TIME_TEXT_SIZE + 1]);

static inline int32_t day_of(uint64_t time_ms)
{
    return (int32_t)(time_ms / DAY_MS);
}

#endif
