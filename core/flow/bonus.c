/*
 * bonus.c - what has been announced moves only for more than the bonus.
 *
 * With a units announced, the cost of x units on an arc has a kink:
 *
 *     cost * x - bonus * min(x, a)
 *
 * It is convex, so the flow stays a flow of least cost: the searches see what one unit more costs
 * (cost_up) and what one unit less saves (cost_down), and a path takes no arc across its kink.
 * After an announcement every arc stands at its kink: the one grows or stays, the other falls or
 * stays, and what was optimal still is.
 */
#include "core/flow/network.h"

void flow_set_bonus(struct flow *flow, uint32_t bonus)
{
    ENSURE(bonus <= FLOW_COST_MAX);
    if (bonus == flow->bonus) {
        return;
    }
    for (uint32_t i = 0; i < flow->sink_count; i++) {
        if (flow->sinks[i].share_count > 0) {
            touch_sink(flow, i);
            mark_sink(flow, i, SINK_WANTS);
        }
    }
    flow->bonus = bonus;
    for (uint32_t i = 0; i < flow->source_count; i++) {
        forget_exits(flow, i);
        flow->sources[i].take_is_known = false;
    }
}

/* Arcs that were announced and carry nothing any more are kept as shares until here. */
void flow_announce(struct flow *flow)
{
    for (size_t i = 0; i < flow->untold.count; i++) {
        uint32_t number = flow->untold.items[i];
        struct sink *sink = &flow->sinks[number];
        sink->flags &= (uint8_t)~SINK_UNTOLD;
        for (uint32_t j = sink->share_count; j-- > 0;) {
            const struct share *share = &sink->shares[j];
            if (share->announced != share->units) {
                set_announced(flow, number, share->source, share->units);
            }
        }
    }
    flow->untold.count = 0;
}

int64_t flow_announced(const struct flow *flow, uint32_t sink, uint32_t source)
{
    if (sink >= flow->sink_count) {
        return 0;
    }
    const struct share *share = share_find(&flow->sinks[sink], source);
    return share != NULL ? share->announced : 0;
}

void flow_restore_announced(struct flow *flow, uint32_t sink, uint32_t source, int64_t units)
{
    ENSURE(units >= 0);
    ENSURE(units <= FLOW_UNITS_MAX);
    ENSURE(flow_has_arc(flow, sink, source));
    set_announced(flow, sink, source, units);
    mark_untold(flow, sink);
}
