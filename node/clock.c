#include "node/clock.h"

#include "core/base/mutant.h"

uint64_t clock_now_ms(struct clock *clock, uint64_t system_ms, uint64_t steady_ms)
{
    ENSURE(steady_ms >= clock->steady_ms);
    uint64_t gone_ms = clock->now_ms == 0 ? 0 : steady_ms - clock->steady_ms;

    clock->now_ms = max_u64(system_ms, clock->now_ms + (MUTANT(35) ? 0 : gone_ms));
    clock->steady_ms = steady_ms;
    return clock->now_ms;
}
