/*
 * clock.h - the time that a role goes by.
 *
 * It follows the system's clock, and neither goes back nor stands still when that is set back: it
 * goes on from where it was, until the next start. What waits for a second to pass would
 * otherwise wait until the system's clock has caught up.
 */
#ifndef NODE_CLOCK_H
#define NODE_CLOCK_H

#include "core/base/base.h"

/* Zero is a clock that nobody has looked at. */
struct clock {
    uint64_t now_ms;    /* As it was last seen. */
    uint64_t steady_ms; /* When that was, by a clock that nobody sets. */
};

/* `system_ms` is since 1970 and may jump; `steady_ms` counts from any point and may not. */
uint64_t clock_now_ms(struct clock *clock, uint64_t system_ms, uint64_t steady_ms);

#endif
