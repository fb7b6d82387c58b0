/*
 * snapshot.c - assignments as they are now, in pages.
 *
 * Rows may be newer than the position they are given with: events tell whole states, so
 * following the stream from that position on ends at the same picture.
 */
#include "brokers/dispatch/state.h"

#include "node/reply.h"

#define ROW_COUNT_MAX 256
#define ROWS_SIZE_MAX ((size_t)48 * 1024)

static bool is_wanted(const struct snapshot *request, const struct filter *filter,
                      const struct assignment_event *event)
{
    bool is_of_party = request->party.size == 0 || bytes_equal(request->party, event->requester) ||
                       bytes_equal(request->party, event->offerer);

    return is_of_party && filter_passes(filter, event);
}

static struct bytes encode_row(struct dispatch *dispatch, const struct snapshot *request,
                               struct assignment_event *event)
{
    if (request->party.size > 0) {
        event->seq = 0; /* The position among all would tell of others. */
    }
    dispatch->scratch.size = 0;
    proto_encode(&ASSIGNMENT, event, &dispatch->scratch);
    return arena_copy(&dispatch->arena, buffer_view(&dispatch->scratch));
}

void dispatch_snapshot(struct dispatch *dispatch, struct bytes peer, struct bytes request_id,
                       const struct snapshot *request)
{
    const struct view *view = &dispatch->view;
    struct raw_item items[ROW_COUNT_MAX];
    struct assignment_event event;
    struct filter filter;
    size_t count = 0;
    size_t size = 0;
    size_t limit =
        (size_t)(request->limit == 0 ? ROW_COUNT_MAX : min_u64(request->limit, ROW_COUNT_MAX));
    uint64_t number = request->assignment > 0 ? request->assignment : max_u64(request->from, 1);
    uint64_t end =
        request->assignment > 0 ? min_u64(number, view->assignment_count) : view->assignment_count;

    filter_set(&filter, (struct bytes){0}, request->product, request->need, request->offer,
               request->states);
    for (; number <= end && count < limit && size < ROWS_SIZE_MAX; number++) {
        if (view_assignment(view, number, &event) && is_wanted(request, &filter, &event)) {
            items[count].value = encode_row(dispatch, request, &event);
            size += items[count++].value.size;
        }
    }
    struct rows rows = {
        .seq = dispatch_span(dispatch, request->party).last,
        .next = number <= end ? number : 0,
        .rows = {.items = items, .count = count},
    };
    (void)reply(dispatch->world, peer, request_id, &ROWS, &rows);
}
