/*
 * view.h - what clients may see: every assignment as it is now, and which events
 * concern which party.
 *
 * There is one stream of all events, whose positions are the numbers of dispatch's own entries, and
 * one for each party, whose positions count that party's events alone: they say nothing about
 * others.
 */
#ifndef BROKERS_DISPATCH_VIEW_H
#define BROKERS_DISPATCH_VIEW_H

#include "core/base/names.h"
#include "core/match/market_rows.h"
#include "core/model/record.h"

struct view_assignment {
    uint32_t need, offer, product, given, requester, offerer, reason; /* In `texts`. */
    uint32_t cost, kilometres;
    int32_t arrival;
    uint8_t state; /* 0: there is no such assignment. */
    uint8_t class_number;
    uint64_t quantity, before, seq, cause, at;
};

struct view_stream { /* One party's. */
    uint64_t *seqs;  /* Own entry of each event, ascending; position = index + 1. */
    size_t count;
    size_t capacity;
    size_t saved; /* In rows already. */
};

/* Zero is an empty view. */
struct view {
    struct names texts;
    struct names parties;        /* Those with a stream. */
    struct view_stream *streams; /* By number in `parties`. */
    size_t stream_capacity;
    struct dirty_list dirty_streams;
    struct view_assignment *assignments; /* By number - 1. */
    size_t assignment_capacity;
    uint64_t assignment_count; /* The highest number. */
    struct dirty_list dirty_assignments;
    uint64_t last; /* The last own entry. */
};

/* Takes in an event with its position in the stream of all. */
void view_take_assignment(struct view *view, const struct assignment_event *event);
void view_take_answer(struct view *view, const struct answer_event *event);

/* Fills `event` with assignment `number` as it is; views are borrowed until the next take. False
 * when there is none. */
bool view_assignment(const struct view *view, uint64_t number, struct assignment_event *event);

/* The stream of a party, NULL when nothing concerned it so far. */
const struct view_stream *view_stream_of(const struct view *view, struct bytes party);

/* Puts back an assignment, or a piece of a stream, from rows. STATUS_CORRUPT. */
MUST_USE enum status view_restore_assignment(struct view *view,
                                             const struct assignment_event *event);
MUST_USE enum status view_restore_stream(struct view *view, struct bytes party, size_t start,
                                         struct bytes seqs);

void view_deinit(struct view *view);

#endif
