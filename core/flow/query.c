/*
 * query.c - what the flow is, what it costs, and whether it is optimal.
 */
#include "core/flow/network.h"

#include <string.h>

int64_t flow_price(const struct flow *flow, uint32_t source)
{
    return source < flow->source_count ? flow->nodes[source].price : 0;
}

int64_t flow_value(const struct flow *flow, uint32_t sink)
{
    return sink < flow->sink_count ? sink_value(flow, &flow->sinks[sink]) : 0;
}

int64_t flow_source_capacity(const struct flow *flow, uint32_t source)
{
    if (source >= flow->source_count) {
        return 0;
    }
    return flow->sources[source].used + flow->sources[source].free;
}

int64_t flow_source_used(const struct flow *flow, uint32_t source)
{
    return source < flow->source_count ? flow->sources[source].used : 0;
}

int64_t flow_sink_served(const struct flow *flow, uint32_t sink)
{
    return sink < flow->sink_count ? flow->sinks[sink].served : 0;
}

int64_t flow_sink_wanted(const struct flow *flow, uint32_t sink)
{
    return sink < flow->sink_count ? sink_wanted(&flow->sinks[sink]) : 0;
}

uint32_t flow_source_count(const struct flow *flow)
{
    return flow->source_count;
}

uint32_t flow_sink_count(const struct flow *flow)
{
    return flow->sink_count;
}

/* Links and shares have the same order, so one walk joins them. */
const struct flow_arc *flow_arcs(struct flow *flow, uint32_t sink_number, size_t *count)
{
    *count = 0;
    if (sink_number >= flow->sink_count) {
        return NULL;
    }
    const struct sink *sink = &flow->sinks[sink_number];
    uint32_t share = 0;

    GROW(flow->arcs, flow->arc_capacity, sink->link_count);
    for (uint32_t i = 0; i < sink->link_count; i++) {
        struct flow_arc arc = {.source = sink->links[i].number, .cost = sink->links[i].cost};
        if (share < sink->share_count && sink->shares[share].source == arc.source) {
            arc.units = sink->shares[share++].units;
        }
        flow->arcs[i] = arc;
    }
    *count = sink->link_count;
    return flow->arcs;
}

const struct flow_arc *flow_arcs_in_use(struct flow *flow, uint32_t sink_number, size_t *count)
{
    *count = 0;
    if (sink_number >= flow->sink_count) {
        return NULL;
    }
    const struct sink *sink = &flow->sinks[sink_number];

    GROW(flow->arcs, flow->arc_capacity, sink->share_count);
    for (uint32_t i = 0; i < sink->share_count; i++) {
        const struct share *share = &sink->shares[i];
        if (share->units > 0) {
            flow->arcs[(*count)++] = (struct flow_arc){
                .source = share->source, .cost = share->cost, .units = share->units};
        }
    }
    return flow->arcs;
}

int64_t flow_units(const struct flow *flow, uint32_t sink, uint32_t source)
{
    if (sink >= flow->sink_count) {
        return 0;
    }
    const struct share *share = share_find(&flow->sinks[sink], source);
    return share != NULL ? share->units : 0;
}

size_t flow_sinks(struct flow *flow, uint32_t source_number, uint32_t *sinks, size_t room)
{
    if (source_number >= flow->source_count) {
        return 0;
    }
    list_links(flow);
    const struct source *source = &flow->sources[source_number];
    for (size_t i = 0; i < source->link_count && i < room; i++) {
        sinks[i] = source->links[i].number;
    }
    return source->link_count;
}

void flow_objective(const struct flow *flow, struct flow_objective *objective)
{
    *objective = (struct flow_objective){0};
    for (uint32_t i = 0; i < flow->sink_count; i++) {
        const struct sink *sink = &flow->sinks[i];
        int64_t served = sink->served;
        for (uint32_t j = 0; j < sink->tranche_count; j++) {
            int64_t filled = min_i64(served, sink->tranches[j].units);
            ENSURE(sink->tranches[j].weight % FLOW_WEIGHT_STEP == 0);
            objective->unserved[sink->tranches[j].weight / FLOW_WEIGHT_STEP] +=
                sink->tranches[j].units - filled;
            served -= filled;
        }
        for (uint32_t j = 0; j < sink->share_count; j++) {
            const struct share *share = &sink->shares[j];
            __extension__ __int128 units = share->units;
            objective->cost += units * share->cost;
            units = min_i64(share->units, share->announced);
            objective->bonus += units * flow->bonus;
        }
    }
}

/* The checks below use the lists alone and trust nothing that is derived from them. */

static const char *check_arcs(const struct flow *flow, uint32_t number, int64_t value)
{
    const struct sink *sink = &flow->sinks[number];

    for (uint32_t i = 0; i < sink->link_count; i++) {
        uint32_t source = sink->links[i].number;
        int64_t up_cost = arc_cost_up(flow, sink, source, sink->links[i].cost);
        const struct link *back =
            link_find(flow->sources[source].links, flow->sources[source].link_count, number);
        if (i > 0 && sink->links[i - 1].number >= source) {
            return "its arcs are not in order";
        }
        if (flow->is_listed && (back == NULL || back->cost != sink->links[i].cost)) {
            return "an arc is not known at its source";
        }
        if (up_cost + flow->nodes[source].price < value) {
            return "an arc would be cheaper";
        }
    }
    return NULL;
}

static const char *check_shares(const struct flow *flow, uint32_t number, int64_t value)
{
    const struct sink *sink = &flow->sinks[number];
    int64_t served = 0;

    for (uint32_t i = 0; i < sink->share_count; i++) {
        const struct share *share = &sink->shares[i];
        const struct source *source = &flow->sources[share->source];
        const struct link *link = link_find(sink->links, sink->link_count, share->source);
        const struct link *back = link_find(source->holders, source->holder_count, number);
        if (link == NULL || link->cost != share->cost || (back != NULL) != (share->units > 0) ||
            (back != NULL && back->cost != share->cost)) {
            return "flow runs where no arc is";
        }
        if (share->units < 0 || (i > 0 && sink->shares[i - 1].source >= share->source)) {
            return "its flow is not in order";
        }
        if (share->units > 0 && cost_down(flow, share) + flow->nodes[share->source].price > value) {
            return "flow runs on an arc that is too dear";
        }
        served += share->units;
    }
    return served == sink->served ? NULL : "its flow does not add up";
}

static const char *check_sink(const struct flow *flow, uint32_t number)
{
    const struct sink *sink = &flow->sinks[number];
    int64_t value = sink_value(flow, sink);
    int64_t end = 0;

    for (uint32_t i = 0; i < sink->tranche_count; i++) {
        const struct flow_tranche *tranche = &sink->tranches[i];
        if (sink->served > end && value > tranche->weight) {
            return "a unit served is not worth its cost";
        }
        end += tranche->units;
        if (sink->served < end && value < tranche->weight) {
            return "a unit unserved would be worth its cost";
        }
    }
    if (sink->served > end) {
        return "it gets more than it wants";
    }
    const char *problem = check_arcs(flow, number, value);
    return problem != NULL ? problem : check_shares(flow, number, value);
}

static const char *check_chain(const struct flow *flow, uint32_t number)
{
    const struct source *source = &flow->sources[number];

    if (source->next == FLOW_NONE) {
        return source->waiting == 0 ? NULL : "units wait for nobody";
    }
    int64_t saved = flow->nodes[number].price - flow->nodes[source->next].price;
    if (flow->sources[source->next].previous != number || source->waiting < 0) {
        return "its next does not follow it";
    }
    if (saved < 0) {
        return "units would better wait";
    }
    return saved == 0 || source->waiting == 0 ? NULL : "units would better not wait";
}

static const char *check_source(const struct flow *flow, uint32_t number)
{
    const struct source *source = &flow->sources[number];
    const struct node *node = &flow->nodes[number];
    int64_t used = source->waiting;

    if (source->previous != FLOW_NONE) {
        used -= flow->sources[source->previous].waiting;
    }
    for (uint32_t i = 0; i < source->holder_count; i++) {
        used += flow_units(flow, source->holders[i].number, number);
    }
    if (used != source->used) {
        return "its flow does not add up";
    }
    if (source->free < 0) {
        return "it gives more than it has";
    }
    if (node->price < 0 || (node->price > 0 && source->free > 0)) {
        return "its price is wrong";
    }
    return check_chain(flow, number);
}

static bool report(char problem[160], const char *kind, uint32_t number, const char *text)
{
    struct buffer line = {0};

    if (text != NULL && problem != NULL) {
        buffer_format(&line, "%s %u: %s", kind, number, text);
        size_t size = min_u64(line.size, 159);
        memcpy(problem, line.data, size);
        problem[size] = 0;
        buffer_deinit(&line);
    }
    return text == NULL;
}

bool flow_certify(const struct flow *flow, char problem[160])
{
    for (uint32_t i = 0; i < flow->source_count; i++) {
        if (!report(problem, "source", i, check_source(flow, i))) {
            return false;
        }
    }
    for (uint32_t i = 0; i < flow->sink_count; i++) {
        if (!report(problem, "sink", i, check_sink(flow, i))) {
            return false;
        }
    }
    return true;
}
