/*
 * network.c - sorted lists of links and shares, kept in step with one another.
 */
#include "core/flow/network.h"

#include <stdlib.h>
#include <string.h>

#define LIST_STEP 4    /* Room in a list of more is a multiple of it. */
#define MERGE_MIN 4096 /* Notes that are not worth a merge. */
#define FEW 32         /* Numbers that sort more quickly one by one. */

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;

    return a < b ? -1 : a > b;
}

void numbers_add(struct numbers *numbers, uint32_t number)
{
    GROW(numbers->items, numbers->capacity, numbers->count + 1);
    numbers->items[numbers->count++] = number;
}

static void sort_few(uint32_t *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint32_t item = items[i];
        size_t at = i;
        for (; at > 0 && items[at - 1] > item; at--) {
            items[at] = items[at - 1];
        }
        items[at] = item;
    }
}

static bool is_sorted(const struct numbers *numbers)
{
    size_t i = 1;

    while (i < numbers->count && numbers->items[i - 1] <= numbers->items[i]) {
        i++;
    }
    return i >= numbers->count;
}

void numbers_sort(struct numbers *numbers)
{
    if (numbers->count <= FEW) {
        sort_few(numbers->items, numbers->count);
    } else if (!is_sorted(numbers)) {
        qsort(numbers->items, numbers->count, sizeof *numbers->items, compare_numbers);
    }
}

/* Items that a list of `count` has room for: 1, 2, 4, then at most an eighth is left over.
 * Following from the count it needs no field. */
static size_t list_room(uint32_t count)
{
    size_t step = 1;

    while ((step < LIST_STEP && step < count) || step * 8 < count) {
        step *= 2;
    }
    return (count + step - 1) / step * step;
}

static void *list_make_room(void *items, uint32_t count, size_t item_size)
{
    if ((count > LIST_STEP && count % LIST_STEP != 0) ||
        (count > 0 && list_room(count) == list_room(count + 1))) {
        return items;
    }
    void *moved = realloc(items, list_room(count + 1) * item_size);
    ENSURE(moved != NULL);
    return moved;
}

uint32_t link_position(const struct link *links, uint32_t count, uint32_t number)
{
    uint32_t low = 0;
    uint32_t high = count;

    if (count > 0 && links[count - 1].number < number) {
        return count;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (links[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct link *link_find(struct link *links, uint32_t count, uint32_t number)
{
    uint32_t at = link_position(links, count, number);

    return at < count && links[at].number == number ? &links[at] : NULL;
}

void links_merge(struct sink *sink, const struct flow_arc *arcs, uint32_t count)
{
    uint32_t old = sink->link_count;
    uint32_t at = old + count;
    struct link *links = realloc(sink->links, list_room(at) * sizeof *links);

    ENSURE(links != NULL);
    sink->links = links;
    sink->link_count = at;
    while (count > 0) {
        if (old > 0 && links[old - 1].number > arcs[count - 1].source) {
            links[--at] = links[--old];
        } else {
            count--;
            links[--at] = (struct link){.number = arcs[count].source & NUMBER_MAX,
                                        .cost = arcs[count].cost & COST_MASK};
        }
    }
}

/* Takes the lists of all sources, as long as they will be; `ends` by source. */
static void take_links(struct flow *flow, struct link **ends)
{
    uint32_t *counts = memory_take((size_t)flow->source_count + 1, sizeof *counts);

    for (uint32_t i = 0; i < flow->sink_count; i++) {
        for (uint32_t j = 0; j < flow->sinks[i].link_count; j++) {
            counts[flow->sinks[i].links[j].number]++;
        }
    }
    for (uint32_t i = 0; i < flow->source_count; i++) {
        struct source *source = &flow->sources[i];
        if (counts[i] > 0) {
            source->links = memory_take(list_room(counts[i]), sizeof *source->links);
            source->link_count = counts[i];
            ends[i] = source->links;
        }
    }
    free(counts);
}

void list_links(struct flow *flow)
{
    if (flow->is_listed) {
        return;
    }
    struct link **ends = memory_take((size_t)flow->source_count + 1, sizeof(struct link *));
    take_links(flow, ends);
    for (uint32_t i = 0; i < flow->sink_count; i++) {
        const struct sink *sink = &flow->sinks[i];
        for (uint32_t j = 0; j < sink->link_count; j++) {
            *ends[sink->links[j].number]++ =
                (struct link){.number = i & NUMBER_MAX, .cost = sink->links[j].cost};
        }
    }
    free(ends);
    flow->is_listed = true;
}

void link_insert(struct link **links, uint32_t *count, uint32_t number, uint32_t cost)
{
    uint32_t at = link_position(*links, *count, number);

    *links = list_make_room(*links, *count, sizeof **links);
    memmove(*links + at + 1, *links + at, (*count - at) * sizeof **links);
    (*links)[at].number = number & NUMBER_MAX;
    (*links)[at].cost = cost & COST_MASK;
    *count += 1;
}

void link_delete(struct link *links, uint32_t *count, uint32_t number)
{
    uint32_t at = link_position(links, *count, number);

    ENSURE(at < *count && links[at].number == number);
    memmove(links + at, links + at + 1, (*count - at - 1) * sizeof *links);
    *count -= 1;
}

/* Few arcs serve a sink, so a plain walk is quick. */
static uint32_t share_position(const struct sink *sink, uint32_t source)
{
    uint32_t at = 0;

    while (at < sink->share_count && sink->shares[at].source < source) {
        at++;
    }
    return at;
}

struct share *share_find(const struct sink *sink, uint32_t source)
{
    uint32_t at = share_position(sink, source);

    return at < sink->share_count && sink->shares[at].source == source ? &sink->shares[at] : NULL;
}

static void share_insert(struct sink *sink, uint32_t at, struct share share)
{
    sink->shares = list_make_room(sink->shares, sink->share_count, sizeof *sink->shares);
    memmove(sink->shares + at + 1, sink->shares + at,
            (sink->share_count - at) * sizeof *sink->shares);
    sink->shares[at] = share;
    sink->share_count++;
}

static void share_delete(struct sink *sink, uint32_t at)
{
    sink->share_count--;
    memmove(sink->shares + at, sink->shares + at + 1,
            (sink->share_count - at) * sizeof *sink->shares);
    if (sink->share_count == 0) {
        free(sink->shares);
        sink->shares = NULL;
    }
}

/* The share, made when it is not there. */
static struct share *share_take(struct sink *sink, uint32_t source, uint32_t cost)
{
    uint32_t at = share_position(sink, source);

    if (at == sink->share_count || sink->shares[at].source != source) {
        share_insert(sink, at, (struct share){.source = source, .cost = cost});
    }
    return &sink->shares[at];
}

/* To be called when the arc is on another side of its kink. */
static void renew_costs(struct flow *flow, uint32_t sink, uint32_t source)
{
    if (flow->bonus > 0) {
        renew_exits(flow, sink);
        renew_take(flow, sink, source);
    }
}

void mark_untold(struct flow *flow, uint32_t sink)
{
    if ((flow->sinks[sink].flags & SINK_UNTOLD) == 0) {
        flow->sinks[sink].flags |= SINK_UNTOLD;
        numbers_add(&flow->untold, sink);
    }
}

void set_announced(struct flow *flow, uint32_t sink_number, uint32_t source, int64_t units)
{
    struct sink *sink = &flow->sinks[sink_number];
    uint32_t cost = link_find(sink->links, sink->link_count, source)->cost;
    struct share *share = share_take(sink, source, cost);

    share->announced = units;
    if (share->units == 0 && units == 0) {
        share_delete(sink, share_position(sink, source));
    }
    renew_costs(flow, sink_number, source);
}

int64_t room_up(const struct flow *flow, uint32_t sink, uint32_t source)
{
    const struct share *share = flow->bonus > 0 ? share_find(&flow->sinks[sink], source) : NULL;

    return share != NULL && share->units < share->announced ? share->announced - share->units
                                                            : INT64_MAX;
}

int64_t room_down(const struct flow *flow, uint32_t sink, uint32_t source)
{
    const struct share *share = share_find(&flow->sinks[sink], source);

    return flow->bonus > 0 && share->units > share->announced ? share->units - share->announced
                                                              : share->units;
}

/* `serves` says whether the arc now carries flow and did not, or the other way round. */
static void change_holder(struct flow *flow, uint32_t sink, const struct share *share, bool serves)
{
    struct source *source = &flow->sources[share->source];

    if (serves) {
        link_insert(&source->holders, &source->holder_count, sink, share->cost);
        gain_holder(flow, share->source, sink);
    } else {
        link_delete(source->holders, &source->holder_count, sink);
        lose_holder(flow, share->source, sink);
    }
}

void shift_silently(struct flow *flow, uint32_t sink_number, uint32_t source_number, uint32_t cost,
                    int64_t units)
{
    struct sink *sink = &flow->sinks[sink_number];
    struct source *source = &flow->sources[source_number];
    struct share *share = share_take(sink, source_number, cost);
    struct share before = *share;

    share->units += units;
    ENSURE(share->units >= 0);
    if ((share->units > 0) != (before.units > 0)) {
        change_holder(flow, sink_number, share, share->units > 0);
    }
    if (cost_up(flow, share) != cost_up(flow, &before) ||
        cost_down(flow, share) != cost_down(flow, &before)) {
        renew_costs(flow, sink_number, source_number);
    }
    if (share->units == 0 && share->announced == 0) {
        share_delete(sink, share_position(sink, source_number));
    }
    mark_untold(flow, sink_number);
    sink->served += units;
    source->used += units;
    source->free -= units;
}

void shift_units(struct flow *flow, uint32_t sink, uint32_t source, uint32_t cost, int64_t units)
{
    touch_sink(flow, sink);
    shift_silently(flow, sink, source, cost, units);
    if (flow->shift_count >= MERGE_MIN && flow->shift_count >= 2 * flow->shift_merged) {
        merge_shifts(flow);
    }
    GROW(flow->shifts, flow->shift_capacity, flow->shift_count + 1);
    flow->shifts[flow->shift_count++] =
        (struct shift){.sink = sink, .source = source, .units = units};
}

void shift_link(struct flow *flow, uint32_t sink, uint32_t source, int64_t units)
{
    const struct link *link =
        link_find(flow->sinks[sink].links, flow->sinks[sink].link_count, source);

    shift_units(flow, sink, source, link->cost, units);
}

static int compare_shifts(const void *left, const void *right)
{
    const struct shift *a = left;
    const struct shift *b = right;

    if (a->sink != b->sink) {
        return a->sink < b->sink ? -1 : 1;
    }
    return a->source < b->source ? -1 : a->source > b->source;
}

void merge_shifts(struct flow *flow)
{
    size_t kept = 0;

    if (flow->shift_count > 1) {
        qsort(flow->shifts, flow->shift_count, sizeof *flow->shifts, compare_shifts);
    }
    for (size_t i = 0; i < flow->shift_count;) {
        struct shift sum = flow->shifts[i++];
        while (i < flow->shift_count && compare_shifts(&flow->shifts[i], &sum) == 0) {
            sum.units += flow->shifts[i++].units;
        }
        if (sum.units != 0) {
            flow->shifts[kept++] = sum;
        }
    }
    flow->shift_count = kept;
    flow->shift_merged = kept;
}

int64_t sink_wanted(const struct sink *sink)
{
    int64_t wanted = 0;

    for (uint32_t i = 0; i < sink->tranche_count; i++) {
        wanted += sink->tranches[i].units;
    }
    return wanted;
}

static void weigh(struct sink *sink)
{
    int64_t left = sink->served;

    sink->next_weight = WEIGHT_NONE;
    sink->last_weight = INT64_MAX;
    for (uint32_t i = 0; i < sink->tranche_count; i++) {
        if (left > 0) {
            sink->last_weight = sink->tranches[i].weight;
        }
        left -= sink->tranches[i].units;
        if (left < 0) {
            sink->next_weight = sink->tranches[i].weight;
            return;
        }
    }
}

void sink_refresh(struct flow *flow, uint32_t sink)
{
    int64_t last_weight = flow->sinks[sink].last_weight;
    int64_t next_weight = flow->sinks[sink].next_weight;

    weigh(&flow->sinks[sink]);
    if (flow->sinks[sink].last_weight != last_weight) {
        renew_yields(flow, sink);
    }
    if (flow->sinks[sink].next_weight != next_weight) {
        renew_takes(flow, sink);
    }
}

int64_t sink_room(const struct sink *sink)
{
    int64_t end = 0;

    for (uint32_t i = 0; i < sink->tranche_count; i++) {
        end += sink->tranches[i].units;
        if (end > sink->served) {
            return end - sink->served;
        }
    }
    return 0;
}

int64_t sink_removable(const struct sink *sink)
{
    int64_t start = 0;

    for (uint32_t i = 0; i < sink->tranche_count; i++) {
        if (start + sink->tranches[i].units >= sink->served) {
            break;
        }
        start += sink->tranches[i].units;
    }
    return sink->served - start;
}

static int64_t value_at(const struct flow *flow, const struct sink *sink, bool is_before)
{
    int64_t value = sink->next_weight;

    for (uint32_t i = 0; i < sink->share_count; i++) {
        const struct share *share = &sink->shares[i];
        const struct source *source = &flow->sources[share->source];
        bool was_other = is_before && (source->flags & SOURCE_TOUCHED) != 0;
        int64_t price = was_other ? source->price_before : flow->nodes[share->source].price;
        if (share->units > 0) {
            value = max_i64(value, cost_down(flow, share) + price);
        }
    }
    return value;
}

int64_t sink_value(const struct flow *flow, const struct sink *sink)
{
    return value_at(flow, sink, false);
}

int64_t sink_value_before(const struct flow *flow, const struct sink *sink)
{
    return value_at(flow, sink, true);
}

void touch_sink(struct flow *flow, uint32_t sink)
{
    if ((flow->sinks[sink].flags & SINK_TOUCHED) != 0) {
        return;
    }
    flow->sinks[sink].flags |= SINK_TOUCHED;
    GROW(flow->touched_sinks, flow->touched_sink_capacity, flow->touched_sink_count + 1);
    flow->touched_sinks[flow->touched_sink_count++] =
        (struct touched){.sink = sink, .before = sink_value_before(flow, &flow->sinks[sink])};
}

void touch_source(struct flow *flow, uint32_t source)
{
    if ((flow->sources[source].flags & SOURCE_TOUCHED) != 0) {
        return;
    }
    flow->sources[source].flags |= SOURCE_TOUCHED;
    flow->sources[source].price_before = flow->nodes[source].price;
    numbers_add(&flow->touched_sources, source);
}

void set_price(struct flow *flow, uint32_t source, int64_t price)
{
    touch_source(flow, source);
    flow->nodes[source].price = price;
}

void mark_sink(struct flow *flow, uint32_t sink, enum sink_flag flag)
{
    if ((flow->sinks[sink].flags & SINK_DIRTY) == 0) {
        numbers_add(&flow->dirty_sinks, sink);
    }
    flow->sinks[sink].flags |= (uint8_t)(SINK_DIRTY | flag);
}

void mark_source(struct flow *flow, uint32_t source)
{
    if ((flow->sources[source].flags & SOURCE_DIRTY) == 0) {
        numbers_add(&flow->dirty_sources, source);
    }
    flow->sources[source].flags |= SOURCE_DIRTY;
}
