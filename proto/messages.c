/*
 * messages.c - the tables of everything that carries commands and brings answers, and the
 * look-up of tables by kind and name.
 */
#include "proto/messages.h"

#include "proto/table.h"

#include <assert.h>
#include <string.h>

#define CODE_SIZE_MAX 32
#define WHY_SIZE_MAX 240
#define PATH_SIZE_MAX 80
#define USER_SIZE_MAX 255
#define COUNTERS_MAX 4096
#define ROWS_MAX PROTO_LIST_COUNT_MAX

static const struct field header_fields[] = {
    UINT(header, version, "v", 1, UINT16_MAX, .required = true, .text = "Version of the protocol."),
    TEXT(header, type, "t", 1, CODE_SIZE_MAX, .required = true, .text = "Name of the message."),
    BIN(header, id, "id", 0, REQUEST_ID_SIZE_MAX,
        .text = "Chosen by who asks; the answer repeats it."),
};
const struct message HEADER =
    MESSAGE("header", header, header_fields, .text = "First frame of every message.");

/* Client and gateway. */

static const struct field submission_fields[] = {
    BIN(submission, id, "id", SUBMISSION_ID_SIZE, SUBMISSION_ID_SIZE, .required = true,
        .text = "Chosen by the client, for ever unique: the same id takes effect once."),
    TEXT(submission, type, "t", 1, CODE_SIZE_MAX, .required = true, .text = "Name of the command."),
    RAW(submission, body, "body", COMMAND_SIZE_MAX, .required = true, .text = "The command's map."),
};
const struct message SUBMISSION =
    MESSAGE("submission", submission, submission_fields, .text = "One command of a submit.");

static const struct field submit_fields[] = {
    LIST(submit, commands, "commands", SUBMISSION, 1, COMMANDS_PER_SUBMIT_MAX,
         .text = "The commands, in order."),
};
const struct message SUBMIT =
    MESSAGE("submit", submit, submit_fields,
            .text = "Client to gateway, answered by `answers` or `refused`.");

static const struct field result_fields[] = {
    BIN(result, id, "id", SUBMISSION_ID_SIZE, SUBMISSION_ID_SIZE, .required = true,
        .text = "Submission id."),
    FLAG(result, accepted, "accepted", .required = true, .text = "Durable, and will be decided."),
    UINT(result, position, "position", 0, INT64_MAX,
         .text = "In the submitter's own sequence, from 1; 0 when refused."),
    BIN(result, chain, "chain", 0, CHAIN_SIZE, .text = "When accepted: the receipt."),
    FLAG(result, quarantined, "quarantined",
         .text = "Accepted and held back until it is released; why says the reason."),
    TEXT(result, code, "code", 0, CODE_SIZE_MAX, .text = "When refused: a refusal code."),
    TEXT(result, field, "field", 0, PATH_SIZE_MAX, .text = "Path of the field."),
    TEXT(result, why, "why", 0, WHY_SIZE_MAX, .text = "For people."),
    UINT(result, retry_after_ms, "retry_after_ms", 0, INT64_MAX,
         .text = "0: the same command will be refused again."),
};
const struct message RESULT =
    MESSAGE("result", result, result_fields, .text = "What became of one command of a submit.");

static const struct field answers_fields[] = {
    LIST(answers, results, "results", RESULT, 1, COMMANDS_PER_SUBMIT_MAX,
         .text = "One result a command, in the order of the submit."),
};
const struct message ANSWERS =
    MESSAGE("answers", answers, answers_fields, .text = "Gateway to client, after the commit.");

static const struct field refused_fields[] = {
    TEXT(refused, code, "code", 1, CODE_SIZE_MAX, .required = true, .text = "A refusal code."),
    TEXT(refused, field, "field", 0, PATH_SIZE_MAX, .text = "Path of the field."),
    TEXT(refused, why, "why", 0, WHY_SIZE_MAX, .text = "For people."),
    UINT(refused, retry_after_ms, "retry_after_ms", 0, INT64_MAX,
         .text = "0: the same message will be refused again."),
};
const struct message REFUSED =
    MESSAGE("refused", refused, refused_fields,
            .text = "Gateway or dispatch to client: the message as a whole cannot be served.");

/* Client and dispatch. */

#define FILTERS(record)                                                                            \
    FILTER(record, party, "party", .text = "Not empty: this party's own stream or rows."),         \
        FILTER(record, product, "product", .text = "Not empty: only this product."),               \
        FILTER(record, need, "need", .text = "Not empty: only this need."),                        \
        FILTER(record, offer, "offer", .text = "Not empty: only this offer."),                     \
        SET(record, states, "states", ASSIGNMENT_STATE_BITS,                                       \
            .text = "Only these states; all when not given.")

static const struct field subscribe_fields[] = {
    UINT(subscribe, after, "after", 0, INT64_MAX, .text = "Events behind this position; 0: all."),
    UINT(subscribe, credit, "credit", 0, INT64_MAX,
         .text = "Events that may be sent before more credit comes."),
    FILTERS(subscribe),
};
const struct message SUBSCRIBE =
    MESSAGE("subscribe", subscribe, subscribe_fields,
            .text = "Client to dispatch. A new subscription replaces the connection's old one.");

static const struct field credit_fields[] = {
    UINT(credit, n, "n", 0, INT64_MAX, .text = "This many events more."),
    UINT(credit, ack, "ack", 0, INT64_MAX, .text = "Everything up to this position is done with."),
};
const struct message CREDIT =
    MESSAGE("credit", credit, credit_fields, .text = "Client to dispatch.");

static const struct field raw_item_fields[] = {
    RAW(raw_item, value, "value", MESSAGE_SIZE_MAX, .required = true, .text = "A map."),
};
const struct message RAW_ITEM = MESSAGE("item", raw_item, raw_item_fields, .is_bare = true,
                                        .text = "A map whose own key \"t\" names its table.");

static const struct field event_fields[] = {
    UINT(event, last, "last", 0, INT64_MAX,
         .text = "The stream's last position when this was sent."),
    LIST(event, events, "events", RAW_ITEM, 1, EVENTS_PER_MESSAGE_MAX,
         .text = "Maps of `assignment` or `answer`, with \"t\" in front."),
};
const struct message EVENT =
    MESSAGE("event", event, event_fields, .text = "Dispatch to client, within its credit.");

static const struct field stream_head_fields[] = {
    UINT(stream_head, seq, "seq", 0, INT64_MAX, .text = "Last position of the stream."),
    UINT(stream_head, oldest, "oldest", 0, INT64_MAX, .text = "First position still kept."),
};
const struct message STREAM_HEAD =
    MESSAGE("head", stream_head, stream_head_fields,
            .text = "Dispatch to client, when it has all there is, then every few seconds.");

static const struct field reset_fields[] = {
    UINT(reset, oldest, "oldest", 0, INT64_MAX, .text = "First position still kept."),
    UINT(reset, last, "last", 0, INT64_MAX, .text = "Last position of the stream."),
    TEXT(reset, why, "why", 0, WHY_SIZE_MAX, .text = "For people."),
};
const struct message RESET =
    MESSAGE("reset", reset, reset_fields,
            .text = "Dispatch to client: `after` is not kept, or beyond the end. Take a snapshot.");

static const struct field snapshot_fields[] = {
    UINT(snapshot, from, "from", 0, INT64_MAX, .text = "Assignment to start at; 0: the first."),
    UINT(snapshot, limit, "limit", 0, ROWS_MAX, .text = "Rows; 0: as many as fit."),
    UINT(snapshot, assignment, "assignment", 0, INT64_MAX, .text = "Not 0: this one alone."),
    FILTERS(snapshot),
};
const struct message SNAPSHOT =
    MESSAGE("snapshot", snapshot, snapshot_fields,
            .text = "Client to dispatch, answered by `rows`. Ask again with `next` until it is 0.");

static const struct field rows_fields[] = {
    UINT(rows, seq, "seq", 0, INT64_MAX, .text = "The stream's position the rows stand for."),
    UINT(rows, next, "next", 0, INT64_MAX, .text = "Where to go on; 0 after the last row."),
    LIST(rows, rows, "rows", RAW_ITEM, 0, ROWS_MAX, .text = "Maps."),
};
const struct message ROWS =
    MESSAGE("rows", rows, rows_fields, .text = "Dispatch to client; also answers `lookup`.");

/* Between stages, and for operators. */

static const struct field replay_fields[] = {
    UINT(replay, from, "from", 0, INT64_MAX, .text = "First entry wanted."),
    UINT(replay, size_max, "size_max", 0, INT64_MAX, .text = "Bytes at most."),
};
const struct message REPLAY = MESSAGE("replay", replay, replay_fields,
                                      .text = "Stage to its upstream, answered by `entries`.");

#define FEED_PLACE(record)                                                                         \
    UINT(record, epoch, "epoch", 0, INT64_MAX, .text = "Of the feed's journal."),                  \
        UINT(record, oldest, "oldest", 0, INT64_MAX, .text = "First entry still kept."),           \
        UINT(record, last, "last", 0, INT64_MAX, .text = "Last entry.")

static const struct field entries_fields[] = {
    FEED_PLACE(entries),
    BIN(entries, data, "data", 0, MESSAGE_SIZE_MAX, .text = "Entries in stored form."),
};
const struct message ENTRIES =
    MESSAGE("entries", entries, entries_fields, .text = "A stage's answer to `replay`.");

static const struct field feed_head_fields[] = {FEED_PLACE(feed_head)};
const struct message FEED_HEAD =
    MESSAGE("feed_head", feed_head, feed_head_fields, .text = "Published by an idle feed.");

static const struct field status_fields[] = {
    FLAG(status_request, ping, "ping", .text = "No figures wanted."),
};
const struct message STATUS = MESSAGE("status", status_request, status_fields,
                                      .text = "To a control socket, answered by `report`.");

static const struct field counter_fields[] = {
    TEXT(counter, name, "name", 1, ID_SIZE_MAX, .required = true, .text = "What is counted."),
    UINT(counter, value, "value", 0, INT64_MAX, .text = "The figure."),
};
const struct message COUNTER =
    MESSAGE("counter", counter, counter_fields, .text = "One figure of a report.");

static const struct field report_fields[] = {
    TEXT(report, role, "role", 1, CODE_SIZE_MAX, .required = true, .text = "Role of the process."),
    FLAG(report, ready, "ready", .text = "Serves."),
    TEXT(report, state, "state", 0, CODE_SIZE_MAX,
         .text = "\"recovering\", \"live\" or \"stopping\"."),
    UINT(report, pid, "pid", 0, INT64_MAX, .text = "Process id."),
    UINT(report, last, "last", 0, INT64_MAX, .text = "Last entry of its feed."),
    UINT(report, cursor, "cursor", 0, INT64_MAX, .text = "Last entry taken in from upstream."),
    UINT(report, lag, "lag", 0, INT64_MAX, .text = "Upstream entries known of, not taken in."),
    LIST(report, counters, "counters", COUNTER, 0, COUNTERS_MAX, .text = "Figures."),
};
const struct message REPORT =
    MESSAGE("report", report, report_fields, .text = "How a process does.");

static const struct field lookup_fields[] = {
    TEXT(lookup, what, "what", 1, CODE_SIZE_MAX, .required = true,
         .text = "\"need\", \"offer\", \"party\", \"product\", \"substitute\", \"norm\", "
                 "\"certificate\" or \"exclusion\"."),
    FILTER(lookup, id, "id", .text = "Not empty: this one alone."),
    FILTER(lookup, party, "party", .text = "Not empty: only of this party."),
    FILTER(lookup, product, "product", .text = "Not empty: only of this product."),
    TEXT(lookup, state, "state", 0, CODE_SIZE_MAX, .text = "Not empty: only in this state."),
    UINT(lookup, from, "from", 0, INT64_MAX, .text = "Number to start at."),
    UINT(lookup, limit, "limit", 0, ROWS_MAX, .text = "Rows; 0: as many as fit."),
};
const struct message LOOKUP = MESSAGE("lookup", lookup, lookup_fields,
                                      .text = "To allocate's control socket, answered by `rows`.");

static const struct field explain_fields[] = {
    FILTER(explain, need, "need", .text = "Either a need,"),
    UINT(explain, assignment, "assignment", 0, INT64_MAX, .text = "or an assignment."),
    FILTER(explain, offer, "offer", .text = "With a need: why, or why not, this offer."),
};
const struct message EXPLAIN =
    MESSAGE("explain", explain, explain_fields,
            .text = "To allocate's control socket, answered by `explanation`.");

static const struct field explanation_fields[] = {
    RAW(explanation, body, "body", MESSAGE_SIZE_MAX, .required = true, .text = "The explanation."),
};
const struct message EXPLANATION =
    MESSAGE("explanation", explanation, explanation_fields, .text = "Allocate's answer.");

/* Bodies of feed entries. */

static const struct field key_row_fields[] = {
    UINT(key_row, number, "number", 1, UINT32_MAX, .required = true,
         .text = "In order of arrival."),
    TEXT(key_row, key, "key", 1, KEY_TEXT_SIZE, .required = true, .text = "Public key in Z85."),
    ID(key_row, party, "party", .text = "Whom it speaks for."),
    SET(key_row, roles, "roles", ROLE_CHOICES, .required = true, .text = "As what."),
    TEXT(key_row, state, "state", 1, CODE_SIZE_MAX, .required = true,
         .text = "\"pending\", \"active\" or \"revoked\"."),
    TIME(key_row, from, "from", .text = "Valid from."),
    TIME(key_row, to, "to", .text = "Not valid any more from."),
    TEXT(key_row, next, "next", 0, KEY_TEXT_SIZE, .text = "What it was rotated to."),
};
const struct message KEY_ROW =
    MESSAGE("key_row", key_row, key_row_fields,
            .text = "A key, as `lookup` for `key` on the gateway's control socket tells it.");

static const struct field intake_fields[] = {
    BIN(intake, id, "id", SUBMISSION_ID_SIZE, SUBMISSION_ID_SIZE,
        .text = "Submission id; none for a tick."),
    TEXT(intake, by, "by", 0, USER_SIZE_MAX,
         .text = "Party that submitted, \"local\" or \"gateway\"."),
    UINT(intake, key, "key", 0, UINT32_MAX, .text = "Number of its key; 0 for none."),
    UINT(intake, position, "n", 0, INT64_MAX, .text = "Position in the submitter's sequence."),
    FLAG(intake, quarantined, "q", .text = "Held back."),
    RAW(intake, body, "body", MESSAGE_SIZE_MAX, .required = true,
        .text = "The command as the client sent it."),
};
const struct message INTAKE =
    MESSAGE("intake", intake, intake_fields, .text = "Entry of the intake feed.");

static const struct field noted_fields[] = {
    UINT(noted, kind, "k", 1, UINT16_MAX, .required = true, .text = "Kind of the command."),
    BIN(noted, id, "id", SUBMISSION_ID_SIZE, SUBMISSION_ID_SIZE,
        .text = "Submission id; none for a tick."),
    FLAG(noted, quarantined, "q", .text = "Held back."),
    TEXT(noted, outcome, "s", 0, CODE_SIZE_MAX, .text = "What became of it."),
    UINT(noted, number, "number", 0, INT64_MAX,
         .text = "Of the party, product, need or offer, in order of arrival."),
    UINT(noted, bound, "bound", 0, INT64_MAX,
         .text = "All of a need's matches of less cost are listed, or follow."),
    UINTS(noted, matches, "m", .text = "Offer number and cost, in turn."),
    RAW(noted, body, "body", MESSAGE_SIZE_MAX, .text = "The command."),
};
const struct message NOTED =
    MESSAGE("noted", noted, noted_fields, .kind = KIND_NOTED,
            .text = "Entry of the match feed, one for each of the intake.");

static const struct field matches_fields[] = {
    UINT(matches, offer, "offer", 0, INT64_MAX, .text = "Number of the offer."),
    UINTS(matches, needs, "m", .text = "Need number, cost and the need's bound, in turn."),
};
const struct message MATCHES =
    MESSAGE("matches", matches, matches_fields, .kind = KIND_MATCHES,
            .text = "Entry of the match feed: needs that an offer could serve, among their best.");

static const struct field listed_fields[] = {
    UINT(listed, need, "need", 0, INT64_MAX, .text = "Number of the need."),
    UINT(listed, bound, "bound", 0, INT64_MAX, .text = "All matches of less cost are listed."),
    UINTS(listed, matches, "m", .text = "Offer number and cost, in turn."),
};
const struct message LISTED =
    MESSAGE("listed", listed, listed_fields, .kind = KIND_LISTED,
            .text = "Entry of the match feed: a need's best matches anew, after a rule changed.");

const struct message *const ALL_MESSAGES[] = {
    &HEADER,
    &SUBMIT,
    &SUBMISSION,
    &ANSWERS,
    &RESULT,
    &REFUSED,
    &PARTY_PUT,
    &PRODUCT_PUT,
    &NEED_PUT,
    &NEED_CANCEL,
    &NEED_RELEASE,
    &OFFER_PUT,
    &OFFER_WITHDRAW,
    &OFFER_RELEASE,
    &CAPACITY_PUT,
    &ASSIGNMENT_ACCEPT,
    &ASSIGNMENT_DECLINE,
    &ASSIGNMENT_SHIP,
    &ASSIGNMENT_RECEIVE,
    &ASSIGNMENT_CANCEL,
    &SUBSTITUTE_PUT,
    &NORM_PUT,
    &CERTIFICATE_PUT,
    &EXCLUSION_PUT,
    &KEY_REGISTER,
    &KEY_CONFIRM,
    &KEY_ROTATE,
    &KEY_REVOKE,
    &SUBSCRIBE,
    &CREDIT,
    &EVENT,
    &RAW_ITEM,
    &ASSIGNMENT,
    &ANSWER,
    &STREAM_HEAD,
    &RESET,
    &SNAPSHOT,
    &ROWS,
    &REPLAY,
    &ENTRIES,
    &FEED_HEAD,
    &STATUS,
    &REPORT,
    &COUNTER,
    &LOOKUP,
    &EXPLAIN,
    &EXPLANATION,
    &KEY_ROW,
    &TICK,
    &RULES_PUT,
    &INTAKE,
    &NOTED,
    &MATCHES,
    &LISTED,
    NULL,
};

/* By kind, from KIND_COMMAND_FIRST on. Needs and offers come first in a day's traffic and are
 * near the front here too, so that a look-up by name compares few. */
static const struct message *const commands[] = {
    &PARTY_PUT,          &PRODUCT_PUT,        &NEED_PUT,
    &NEED_CANCEL,        &NEED_RELEASE,       &OFFER_PUT,
    &OFFER_WITHDRAW,     &OFFER_RELEASE,      &CAPACITY_PUT,
    &ASSIGNMENT_ACCEPT,  &ASSIGNMENT_DECLINE, &ASSIGNMENT_SHIP,
    &ASSIGNMENT_RECEIVE, &ASSIGNMENT_CANCEL,  &TICK,
    &RULES_PUT,          &SUBSTITUTE_PUT,     &NORM_PUT,
    &CERTIFICATE_PUT,    &EXCLUSION_PUT,      &KEY_REGISTER,
    &KEY_CONFIRM,        &KEY_ROTATE,         &KEY_REVOKE,
};
static_assert(COUNT_OF(commands) == KIND_COMMAND_LAST - KIND_COMMAND_FIRST + 1,
              "every command has a table");

const struct message *message_by_kind(uint16_t kind)
{
    if (kind >= KIND_COMMAND_FIRST && kind <= KIND_COMMAND_LAST) {
        return commands[kind - KIND_COMMAND_FIRST];
    }
    switch (kind) {
    case KIND_NOTED:
        return &NOTED;
    case KIND_MATCHES:
        return &MATCHES;
    case KIND_LISTED:
        return &LISTED;
    case KIND_ASSIGNMENT:
        return &ASSIGNMENT;
    case KIND_ANSWER:
        return &ANSWER;
    default:
        return NULL;
    }
}

static bool is_made_by_gateway(uint16_t kind)
{
    return kind == KIND_TICK || kind == KIND_RULES_PUT;
}

const struct message *message_by_name(struct bytes name)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (commands[i]->name_size == name.size &&
            memcmp(commands[i]->name, name.data, name.size) == 0) {
            return is_made_by_gateway(commands[i]->kind) ? NULL : commands[i];
        }
    }
    return NULL;
}
