/*
 * flow.h - the exact min-cost flow from sources (what can be given) to sinks (what is
 * needed), kept optimal while both change.
 *
 * A sink's units come in tranches: an unserved unit of a tranche weighs its `weight`, and
 * weights fall from one tranche to the next, so tranches fill in order. The flow x minimises
 *
 *     sum over arcs of cost * x  +  sum over tranches of weight * units unserved
 *
 * under the capacities of the sources, in whole units. A bonus makes units on arcs that have been
 * announced to carry them cheaper, so that they move only for more than that. A source may keep
 * what it has at no cost, or let it wait for a source that follows. Changes are collected;
 * flow_settle makes the flow optimal again at a cost that depends on the change. The result is a
 * function of what flow_get_* return before it and of the changes, never of addresses or of the
 * order in which lists happen to stand: a flow restored with flow_restore_* goes on exactly as the
 * one it was saved from.
 */
#ifndef CORE_FLOW_FLOW_H
#define CORE_FLOW_FLOW_H

#include "core/base/memory.h"

#define FLOW_TRANCHE_COUNT_MAX 8
#define FLOW_COST_MAX (((int64_t)1 << 20) - 1)
#define FLOW_WEIGHT_STEP ((int64_t)1 << 38) /* One level of priority. */
#define FLOW_LEVEL_MAX 64
#define FLOW_UNITS_MAX ((int64_t)1 << 50)
#define FLOW_NONE UINT32_MAX /* No source. */

struct flow;

struct flow_tranche {
    int64_t units;
    int64_t weight; /* Falling from one tranche to the next; 0 < weight <= FLOW_LEVEL_MAX steps. */
};

struct flow_arc {
    uint32_t source;
    uint32_t cost;
    int64_t units; /* Flow on it. */
};

struct flow_change { /* One arc whose flow the last settle changed. */
    uint32_t sink;
    uint32_t source;
    int64_t before;
    int64_t after;
};

void flow_open(struct flow **flow);
void flow_close(struct flow *flow);

/* Sources and sinks have numbers that the caller chooses, dense from 0; one not set yet has
 * capacity 0 and no tranches. Shrinking and removing are allowed at any time. */
void flow_set_source(struct flow *flow, uint32_t source, int64_t capacity);
void flow_set_sink(struct flow *flow, uint32_t sink, const struct flow_tranche *tranches,
                   size_t count);

/* What `source` does not give away may wait, at no cost, and be given by `next`: two days of one
 * line. FLOW_NONE cuts: units that wait are then the first source's again. A source follows at most
 * one other, and there is no cycle. Where units might as well wait as lie free, either may be. */
void flow_set_next(struct flow *flow, uint32_t source, uint32_t next);
uint32_t flow_next(const struct flow *flow, uint32_t source);
int64_t flow_waiting(const struct flow *flow, uint32_t source); /* Units, from it to its next. */

/* Adds the arc, or changes its cost. */
void flow_set_arc(struct flow *flow, uint32_t sink, uint32_t source, uint32_t cost);
/* Adds arcs that the sink does not have, quicker than one by one. They ascend by source, the sink
 * and the sources are set already, units are not read. */
void flow_add_arcs(struct flow *flow, uint32_t sink, const struct flow_arc *arcs, size_t count);
void flow_remove_arc(struct flow *flow, uint32_t sink, uint32_t source);
bool flow_has_arc(const struct flow *flow, uint32_t sink, uint32_t source);

/* Moves the flow of an arc to something fixed outside: takes `units` (at most its flow) off the
 * arc, the source's capacity and the front of the sink's tranches, without disturbing optimality.
 * What the source does not have itself goes off the capacity of those before it, from which the
 * units waited. A capacity lowered since the last settle may be too small for that, and is 0 then.
 */
void flow_fix(struct flow *flow, uint32_t sink, uint32_t source, int64_t units);

/* What has been announced moves only if that gains more than the bonus (0 at first, at most
 * FLOW_COST_MAX) for a unit: as many units as flow_announce found on an arc cost `bonus` less on
 * it. flow_announce takes time in proportion to what has changed since the last one, and leaves an
 * optimal flow optimal; flow_set_bonus looks at everything. Arcs that go are forgotten. */
void flow_set_bonus(struct flow *flow, uint32_t bonus);
void flow_announce(struct flow *flow); /* The flow as it stands has been told. */
int64_t flow_announced(const struct flow *flow, uint32_t sink, uint32_t source);

/* Makes the flow optimal for everything set so far. When much changed at once it is solved anew
 * (batch.h says when), which gives the same objective. */
void flow_settle(struct flow *flow);

/* What flow_settle, since the last flow_clear_changes, did to arcs: by ascending (sink, source),
 * each once, before != after. Borrowed until the next call that changes the flow. */
const struct flow_change *flow_changes(struct flow *flow, size_t *count);

/* Sources whose price fell (or that are new, grew or follow another) and sinks whose value rose (or
 * that are new) since flow_clear_changes, ascending: where an arc that is not in the network may
 * now pay. Same borrowing. */
const uint32_t *flow_cheaper_sources(struct flow *flow, size_t *count);
const uint32_t *flow_dearer_sinks(struct flow *flow, size_t *count);
void flow_clear_changes(struct flow *flow);

/* Dual values, after a settle. price: what one unit more of the source would save, >= 0, 0 when it
 * has units left. value: what the sink's next unit may cost at most before it is not worth it: the
 * weight of what is unserved, or what a unit that it has costs (less the bonus, if announced) and
 * would save at its source. A missing arc (sink, source, cost) improves the flow exactly when
 * cost + price(source) < value(sink); it is negative for a sink that wants nothing. */
int64_t flow_price(const struct flow *flow, uint32_t source);
int64_t flow_value(const struct flow *flow, uint32_t sink);

/* Used is what is given to sinks and what waits for the next, less what waited for it: negative
 * when more waited for it than it passes on. */
int64_t flow_source_capacity(const struct flow *flow, uint32_t source);
int64_t flow_source_used(const struct flow *flow, uint32_t source);
int64_t flow_sink_served(const struct flow *flow, uint32_t sink);
int64_t flow_sink_wanted(const struct flow *flow, uint32_t sink);
uint32_t flow_source_count(const struct flow *flow);
uint32_t flow_sink_count(const struct flow *flow);

/* The arcs of a sink, or those that carry flow, ascending by source. Borrowed until the next change
 * or call of either. */
const struct flow_arc *flow_arcs(struct flow *flow, uint32_t sink, size_t *count);
const struct flow_arc *flow_arcs_in_use(struct flow *flow, uint32_t sink, size_t *count);
int64_t flow_units(const struct flow *flow, uint32_t sink, uint32_t source);

/* Writes the sinks that have an arc to the source, ascending, at most `room`; returns how many
 * there are. */
size_t flow_sinks(struct flow *flow, uint32_t source, uint32_t *sinks, size_t room);

/* Puts back what flow_source_capacity, flow_price, flow_next with flow_waiting (nothing to put back
 * for FLOW_NONE), the tranches and flow_arcs gave after a settle, then what flow_announced gave for
 * arcs, if not 0. Sources first, and the bonus at any time. */
void flow_restore_source(struct flow *flow, uint32_t source, int64_t capacity, int64_t price);
void flow_restore_waiting(struct flow *flow, uint32_t source, uint32_t next, int64_t units);
void flow_restore_sink(struct flow *flow, uint32_t sink, const struct flow_tranche *tranches,
                       size_t tranche_count, const struct flow_arc *arcs, size_t arc_count);
void flow_restore_announced(struct flow *flow, uint32_t sink, uint32_t source, int64_t units);

/* unserved[level] counts unserved units of tranches with weight level * FLOW_WEIGHT_STEP (others
 * are an ENSURE); cost is what the units cost on their arcs, the bonus left aside, and `bonus` is
 * that of all units that are where they were announced. The flow minimises cost - bonus. */
struct flow_objective {
    int64_t unserved[FLOW_LEVEL_MAX + 1];
    __extension__ __int128 cost;
    __extension__ __int128 bonus;
};
void flow_objective(const struct flow *flow, struct flow_objective *objective);

/* True when flow and prices prove each other optimal: conservation, bounds, no residual arc with
 * negative reduced cost. `problem` (may be NULL) says what does not hold. */
bool flow_certify(const struct flow *flow, char problem[160]);

#endif
