#include "brokers/dispatch/view.h"

#include "core/base/mutant.h"

#include <stdlib.h>

static uint32_t text_number(struct view *view, struct bytes text)
{
    return text.size == 0 ? NAME_NONE : names_add(&view->texts, text);
}

static struct bytes text_of(const struct view *view, uint32_t number)
{
    return number == NAME_NONE ? (struct bytes){0} : names_text(&view->texts, number);
}

static struct view_stream *add_stream(struct view *view, struct bytes party, uint32_t *number)
{
    *number = names_add(&view->parties, party);
    GROW(view->streams, view->stream_capacity, (size_t)*number + 1);
    return &view->streams[*number];
}

static void push(struct view *view, struct bytes party, uint64_t seq)
{
    uint32_t number = NAME_NONE;

    if (party.size == 0) {
        return;
    }
    struct view_stream *stream = add_stream(view, party, &number);
    GROW(stream->seqs, stream->capacity, stream->count + 1);
    stream->seqs[stream->count++] = seq;
    dirty_note(&view->dirty_streams, number);
}

static void store(struct view *view, const struct assignment_event *event)
{
    ENSURE(event->assignment > 0);
    GROW(view->assignments, view->assignment_capacity, (size_t)event->assignment);
    view->assignments[event->assignment - 1] = (struct view_assignment){
        .need = text_number(view, event->need),
        .offer = text_number(view, event->offer),
        .product = text_number(view, event->product),
        .given = text_number(view, event->given),
        .requester = text_number(view, event->requester),
        .offerer = text_number(view, event->offerer),
        .reason = text_number(view, event->reason),
        .cost = (uint32_t)event->cost,
        .kilometres = (uint32_t)event->kilometres,
        .arrival = (int32_t)event->arrival,
        .state = (uint8_t)event->state,
        .class_number = (uint8_t)event->class_number,
        .quantity = event->quantity,
        .before = event->before,
        .seq = event->seq,
        .cause = event->cause,
        .at = event->at,
    };
    view->assignment_count = max_u64(view->assignment_count, event->assignment);
}

void view_take_assignment(struct view *view, const struct assignment_event *event)
{
    store(view, event);
    dirty_note(&view->dirty_assignments, (uint32_t)(event->assignment - 1));
    push(view, event->requester, event->seq);
    push(view, MUTANT(24) ? (struct bytes){0} : event->offerer, event->seq);
    view->last = event->seq;
}

void view_take_answer(struct view *view, const struct answer_event *event)
{
    struct assignment_event about;

    if (view_assignment(view, event->assignment, &about)) {
        push(view, about.requester, event->seq);
        push(view, about.offerer, event->seq);
    }
    view->last = event->seq;
}

bool view_assignment(const struct view *view, uint64_t number, struct assignment_event *event)
{
    if (number == 0 || number > view->assignment_count ||
        view->assignments[number - 1].state == 0) {
        return false;
    }
    const struct view_assignment *known = &view->assignments[number - 1];
    *event = (struct assignment_event){
        .type = bytes_from_text("assignment"),
        .seq = known->seq,
        .assignment = number,
        .state = known->state,
        .need = text_of(view, known->need),
        .offer = text_of(view, known->offer),
        .product = text_of(view, known->product),
        .given = text_of(view, known->given),
        .requester = text_of(view, known->requester),
        .offerer = text_of(view, known->offerer),
        .quantity = known->quantity,
        .before = known->before,
        .class_number = known->class_number,
        .cost = known->cost,
        .kilometres = known->kilometres,
        .arrival = known->arrival,
        .reason = text_of(view, known->reason),
        .cause = known->cause,
        .at = known->at,
    };
    return true;
}

const struct view_stream *view_stream_of(const struct view *view, struct bytes party)
{
    uint32_t number = names_find(&view->parties, party);
    return number == NAME_NONE ? NULL : &view->streams[number];
}

enum status view_restore_assignment(struct view *view, const struct assignment_event *event)
{
    if (event->assignment == 0 || event->assignment > UINT32_MAX || event->state == 0) {
        return STATUS_CORRUPT;
    }
    store(view, event);
    view->last = max_u64(view->last, event->seq);
    return STATUS_OK;
}

enum status view_restore_stream(struct view *view, struct bytes party, size_t start,
                                struct bytes seqs)
{
    uint32_t number = NAME_NONE;
    struct view_stream *stream = add_stream(view, party, &number);

    if (seqs.size % 8 != 0 || start != stream->count) {
        return STATUS_CORRUPT;
    }
    GROW(stream->seqs, stream->capacity, stream->count + seqs.size / 8);
    for (size_t at = 0; at < seqs.size; at += 8) {
        stream->seqs[stream->count++] = load_u64(seqs.data + at);
    }
    stream->saved = stream->count;
    return STATUS_OK;
}

void view_deinit(struct view *view)
{
    for (uint32_t i = 0; i < view->parties.count; i++) {
        free(view->streams[i].seqs);
    }
    free(view->streams);
    free(view->assignments);
    names_deinit(&view->texts);
    names_deinit(&view->parties);
    dirty_deinit(&view->dirty_streams);
    dirty_deinit(&view->dirty_assignments);
    *view = (struct view){0};
}
