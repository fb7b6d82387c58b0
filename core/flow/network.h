/*
 * network.h - the network that the files of core/flow share: arcs seen from both ends, flow,
 * prices, and what a search notes at a source.
 *
 * Every list is sorted by number, so that walking it gives the same order however it came
 * about. That is all that determinism needs here: searches take the first of equals.
 *
 * Only prices are stored. The value of a sink follows from them (sink_value).
 */
#ifndef CORE_FLOW_NETWORK_H
#define CORE_FLOW_NETWORK_H

#include "core/flow/flow.h"

#include <assert.h>

#define NUMBER_MAX (((uint32_t)1 << 28) - 1) /* Of a source or a sink: what a link can hold. */
#define COST_MASK ((uint32_t)FLOW_COST_MAX)
#define KEY_NONE INT64_MAX
#define SINK_UNKNOWN (FLOW_NONE - 1)     /* In place of a sink not looked for; see exits.c. */
#define WEIGHT_NONE (-FLOW_COST_MAX - 1) /* Less than what any unit costs. */

/* One end of an arc, as the other end sees it. Tens of millions of them are the bulk of the
 * memory, therefore the packing. */
struct link {
    unsigned number : 28;
    unsigned cost : 20;
} __attribute__((packed));

static_assert(sizeof(struct link) == 6, "a link takes six bytes");
static_assert(FLOW_COST_MAX < 1 << 20, "a cost fits a link");

/* An arc that carries flow, or that has been announced to. */
struct share {
    uint32_t source;
    uint32_t cost;
    int64_t units;
    int64_t announced;
};

enum sink_flag {
    SINK_DIRTY = 1 << 0,   /* In `dirty_sinks`: something of it changed since the last settle. */
    SINK_WANTS = 1 << 1,   /* More than an arc without flow changed. */
    SINK_PENDING = 1 << 2, /* Not optimal yet: searches leave it and its flow alone. */
    SINK_TOUCHED = 1 << 3, /* In `touched_sinks`, with the value it had. */
    SINK_UNTOLD = 1 << 4,  /* In `untold`: its flow may not be what has been announced. */
};

struct sink {
    struct link *links;   /* Its sources. */
    struct share *shares; /* The arcs that serve it, or have been announced to. */
    struct flow_tranche *tranches;
    int64_t served;
    int64_t next_weight; /* Of the next unit unserved; WEIGHT_NONE when there is none. */
    int64_t last_weight; /* Of the last unit served; INT64_MAX when there is none. */
    uint32_t link_count;
    uint32_t share_count;
    uint8_t tranche_count;
    uint8_t flags;
};

static_assert(sizeof(struct sink) == 64, "a sink takes one cache line");

/* The cheapest way to move a sink from one source to another: the least cost_up(sink, to) -
 * cost_down(sink, from). Or, with FLOW_NONE, that a unit more or less can wait. With SINK_UNKNOWN
 * it costs that or more. `other` is where it leads, in a list of exits, or comes from, in a list of
 * entries; both are sorted by it. */
struct exit {
    uint32_t other;
    uint32_t sink;
    int32_t cost;
};

struct exits {
    struct exit *items;
    size_t capacity;
    uint32_t count;
};

struct source {
    /* What searches for units read of every source. */
    struct exits exits;
    int64_t free;    /* Capacity not used; negative when it gives too much. */
    int64_t waiting; /* Units for the next. */
    uint32_t next;   /* The sources that it is chained to, or FLOW_NONE. */
    uint32_t previous;
    int64_t
        yield_cost; /* The least last_weight - cost_down of the holders; INT64_MAX without one. */
    uint32_t yield_sink;
    uint32_t cursor;      /* The walk of a search through its exits or entries goes on there, with
                           * the first whose `other` is no less. */
    bool exits_are_known; /* `exits` and `yield`, and its share in the entries of others. */
    bool take_is_known;
    bool is_stale; /* In `stale`. */
    uint8_t flags;

    /* What searches for sinks read besides; see exits.c. */
    uint32_t take_sink;
    int64_t take_cost;    /* The least cost_up - next_weight of the sinks; INT64_MAX without one. */
    struct exits entries; /* The exits of others that lead here. */

    struct link *links;   /* Its sinks. */
    struct link *holders; /* The sinks that it serves. */
    uint32_t link_count;
    uint32_t holder_count;
    int64_t used;
    int64_t price_before; /* At flow_clear_changes, when it is touched. */
};

enum source_flag {
    SOURCE_DIRTY = 1 << 0,   /* In `dirty_sources`. */
    SOURCE_ARRIVED = 1 << 1, /* Its capacity grew since the last settle. */
    SOURCE_TOUCHED = 1 << 2, /* In `touched_sources`, with the price it had. */
    SOURCE_GREW = 1 << 3,    /* Its capacity grew, or it follows another, since
                              * flow_clear_changes. */
    SOURCE_CHAINED = 1 << 4, /* Its next is new since the last settle. */
};

/* The part of a source that searches read all the time: four to a cache line. */
struct node {
    int64_t price;
    int64_t key; /* Distance in the current search, see search.h; else KEY_NONE. */
};

struct shift { /* What happened to the flow of an arc. */
    uint32_t sink;
    uint32_t source;
    int64_t units;
};

struct touched {
    uint32_t sink;
    int64_t before; /* Its value at flow_clear_changes. */
};

struct heap_item {
    int64_t key;
    uint32_t source;
};

/* A step of a path: from a source through a sink, or, with FLOW_NONE, along a waiting arc. */
struct step {
    uint32_t source;
    uint32_t sink;
    uint32_t at; /* Where the walk through the source's exits or entries stands. */
};

struct numbers {
    uint32_t *items;
    size_t capacity;
    size_t count;
};

struct flow {
    struct sink *sinks;
    size_t sink_capacity;
    uint32_t sink_count;
    struct source *sources;
    size_t source_capacity;
    struct node *nodes;
    size_t node_capacity;
    uint32_t source_count;

    bool is_listed; /* Sources have their links; see list_links. */

    struct numbers dirty_sinks;
    struct numbers dirty_sources;
    struct numbers pending; /* Sinks that a settle works off. */
    struct numbers untold;
    uint32_t bonus;

    /* Since flow_clear_changes. */
    struct shift *shifts;
    size_t shift_capacity;
    size_t shift_count;
    size_t shift_merged; /* So many were left when equal arcs were last merged. */
    struct touched *touched_sinks;
    size_t touched_sink_capacity;
    size_t touched_sink_count;
    struct numbers touched_sources;

    /* Answers lent to the caller. */
    struct flow_change *changes;
    size_t change_capacity;
    struct numbers cheaper;
    struct numbers dearer;
    struct flow_arc *arcs;
    size_t arc_capacity;

    /* The search. */
    struct heap_item *heap;
    size_t heap_capacity;
    size_t heap_count;
    struct numbers level;     /* Sources of key `level_key`, and those one step further: */
    struct numbers following; /* both are in no heap. */
    size_t level_at;
    int64_t level_key;
    struct numbers reached;
    struct step *path;
    size_t path_capacity;
    size_t path_count;

    /* Listing exits. */
    struct numbers stale; /* Sources whose exits may be unknown. */
    struct exits fresh;
    uint32_t *slots; /* By source: its place in `fresh` plus 1, or 0. */
    size_t slot_capacity;
};

void numbers_add(struct numbers *numbers, uint32_t number);
void numbers_sort(struct numbers *numbers);

/* Makes room for a source of that number. */
void know_source(struct flow *flow, uint32_t source);

/* Index of the first link whose number is not below `number`. */
uint32_t link_position(const struct link *links, uint32_t count, uint32_t number);
/* The link to `number`, or NULL. */
struct link *link_find(struct link *links, uint32_t count, uint32_t number);
/* Adds the arcs to the links of the sink, which has none of them. */
void links_merge(struct sink *sink, const struct flow_arc *arcs, uint32_t count);
/* Lists at every source the sinks with an arc to it, and keeps the lists from there on. Searches
 * need them, a batch does not: a flow that has only been loaded goes without. */
void list_links(struct flow *flow);
void link_insert(struct link **links, uint32_t *count, uint32_t number, uint32_t cost);
void link_delete(struct link *links, uint32_t *count, uint32_t number);

struct share *share_find(const struct sink *sink, uint32_t source);

/* What one unit more on an arc costs, and what one unit less saves; and for how many units that
 * is so. */
static inline int64_t cost_up(const struct flow *flow, const struct share *share)
{
    return (int64_t)share->cost - (share->units < share->announced ? flow->bonus : 0);
}

static inline int64_t cost_down(const struct flow *flow, const struct share *share)
{
    return (int64_t)share->cost - (share->units <= share->announced ? flow->bonus : 0);
}

static inline int64_t arc_cost_up(const struct flow *flow, const struct sink *sink, uint32_t source,
                                  uint32_t cost)
{
    const struct share *share = flow->bonus > 0 ? share_find(sink, source) : NULL;

    return share != NULL ? cost_up(flow, share) : cost;
}

int64_t room_up(const struct flow *flow, uint32_t sink, uint32_t source);
int64_t room_down(const struct flow *flow, uint32_t sink, uint32_t source);

/* The arc has been announced to carry so many units. */
void set_announced(struct flow *flow, uint32_t sink, uint32_t source, int64_t units);
void mark_untold(struct flow *flow, uint32_t sink);

/* Adds `units` (may be negative) to the flow of an arc. The caller calls sink_refresh when the
 * sink's total changed by it. shift_link looks the cost up. */
void shift_units(struct flow *flow, uint32_t sink, uint32_t source, uint32_t cost, int64_t units);
void shift_link(struct flow *flow, uint32_t sink, uint32_t source, int64_t units);
/* The same without a note among the changes. */
void shift_silently(struct flow *flow, uint32_t sink, uint32_t source, uint32_t cost,
                    int64_t units);
/* Sums the notes up: one for each arc, ascending, none that cancelled out. */
void merge_shifts(struct flow *flow);

int64_t sink_wanted(const struct sink *sink);
/* After `served` or the tranches changed. */
void sink_refresh(struct flow *flow, uint32_t sink);
int64_t sink_room(const struct sink *sink);      /* Units that weigh `next_weight`. */
int64_t sink_removable(const struct sink *sink); /* Units served that weigh `last_weight`. */

/* The most that a unit more is worth to it: the weight of the next unit, or cost_down plus price of
 * a serving arc. With cost_up plus price of each arc no less, and no weight served less, this is a
 * valid dual. (Without a bonus the serving arcs give the same, which is no less than the weight.)
 */
int64_t sink_value(const struct flow *flow, const struct sink *sink);
/* The same at the prices of flow_clear_changes. */
int64_t sink_value_before(const struct flow *flow, const struct sink *sink);

/* Notes the value or price as it is, before it changes. */
void touch_sink(struct flow *flow, uint32_t sink);
void touch_source(struct flow *flow, uint32_t source);
void set_price(struct flow *flow, uint32_t source, int64_t price);

void mark_sink(struct flow *flow, uint32_t sink, enum sink_flag flag);
void mark_source(struct flow *flow, uint32_t source);

/* chain.c: adds `units` (may be negative) to what waits from the source to its next. */
void shift_waiting(struct flow *flow, uint32_t number, int64_t units);

static inline bool waits_from(const struct flow *flow, uint32_t source)
{
    return source != FLOW_NONE && flow->sources[source].waiting > 0;
}

/* chain.c: how many units can move from one source to a neighbour in its chain, and the move: more
 * wait, or fewer. */
int64_t chain_room(const struct flow *flow, uint32_t from, uint32_t to);
void chain_move(struct flow *flow, uint32_t from, uint32_t to, int64_t units);
/* chain.c: takes units that the source does not give any more off its capacity, and what it did
 * not have itself off those before it. A capacity too small for that ends at 0. */
void chain_take_capacity(struct flow *flow, uint32_t number, int64_t units);
/* chain.c: lowers the prices of those that follow to that of the source, and marks the sinks that
 * this may have made wrong. */
void chain_lower(struct flow *flow, uint32_t number);
/* chain.c: raises the price of a source that arrived and gives nothing, as far as those before it
 * let it. */
void chain_raise(struct flow *flow, uint32_t number, int64_t price);

/* exits.c: brings the exits, or everybody's exits and so all entries, or the taker up to date. What
 * stays SINK_UNKNOWN then is a bound. */
void know_exits(struct flow *flow, uint32_t number);
void know_all_exits(struct flow *flow);
void know_take(struct flow *flow, uint32_t number);
/* exits.c: looks for the sink of an exit to the target, which may be dearer or not be there, or for
 * the yield. For SINK_UNKNOWN only. */
void know_exit(struct flow *flow, uint32_t number, uint32_t target);
void know_yield(struct flow *flow, uint32_t number);
/* exits.c: index of the first that is not below `other`. */
uint32_t exit_position(const struct exits *exits, uint32_t other);
/* exits.c: to be called when the neighbours of the source change; before the arcs change that the
 * exits of all sources that serve the sink are made of. */
void forget_exits(struct flow *flow, uint32_t number);
void forget_exits_of_sink(struct flow *flow, uint32_t sink);
/* exits.c: to be called after the sink becomes a holder of the source or ceases to be one; after
 * units wait at the source or no longer do. */
void gain_holder(struct flow *flow, uint32_t number, uint32_t sink);
void lose_holder(struct flow *flow, uint32_t number, uint32_t sink);
void gain_waiting(struct flow *flow, uint32_t number);
void lose_waiting(struct flow *flow, uint32_t number);
/* exits.c: to be called after the sink becomes PENDING or no longer is, or the cost_up or cost_down
 * of one of its arcs changes; after its last weight changes. */
void renew_exits(struct flow *flow, uint32_t number);
void renew_yields(struct flow *flow, uint32_t number);
/* exits.c: to be called when an arc is new, changes its cost_up or is gone; when the next weight of
 * the sink changes. */
void renew_take(struct flow *flow, uint32_t sink, uint32_t number);
void renew_takes(struct flow *flow, uint32_t number);

/* flow.c: works the changes off one by one. */
void settle_changes(struct flow *flow);

/* acquire.c: the sink gets the units that are worth their cost. It has to be PENDING, and its
 * arcs and flow as restore_sink leaves them. */
void acquire_units(struct flow *flow, uint32_t number);
/* acquire.c: takes away what the source gives beyond its capacity. */
void shed_units(struct flow *flow, uint32_t number);
/* release.c: puts free units of the source to use, or lowers its price to 0. */
void release_units(struct flow *flow, uint32_t number);

#endif
