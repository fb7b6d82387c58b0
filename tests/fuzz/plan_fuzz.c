/*
 * Rows of a plan: a byte for the table, a byte for the number (255: the next one, in the order in
 * which rows are saved), and the row.
 *
 * Rows that belong together (plan_loaded) make a plan whose totals add up and whose market saves
 * the same bytes; it can be certified, whatever the answer is. Others are refused.
 */
#include "core/plan/plan.h"
#include "tests/fuzz/market.h"

#include <stdlib.h>
#include <string.h>

#define ROW_COUNT_MAX 96
#define TABLE_COUNT 9
#define KEY_SIZE 4
#define SLOT_TABLE 6
#define SLOT_FIRST_MAX 4096

/* An offer's slots may start beyond millions that are not there: within bounds, and slow. */
static bool is_slow(uint8_t table, struct bytes row)
{
    return table == SLOT_TABLE && row.size >= 12 && load_u32(row.data + 8) > SLOT_FIRST_MAX;
}

struct loading {
    struct plan *plan;
    uint8_t table; /* Of the row before: rows come in order. */
    uint32_t next; /* Its number + 1. */
};

static enum status load_row(struct loading *loading, struct bytes *input)
{
    uint8_t table = (uint8_t)fuzz_take_below(input, TABLE_COUNT + 1);
    uint32_t number = fuzz_take_u8(input);
    struct bytes row = fuzz_take_block(input);
    uint8_t key[KEY_SIZE];

    if (table != loading->table) {
        loading->next = table == TABLE_COUNT - 1;
    }
    number = number == UINT8_MAX ? loading->next : number;
    if (table < loading->table || number < loading->next || is_slow(table, row)) {
        return STATUS_OK; /* A journal has each row once, and hands them over in order. */
    }
    loading->table = table;
    loading->next = number + 1;
    store_u32_be(key, number);
    enum status status = plan_load(loading->plan, table, (struct bytes){key, sizeof key}, row);
    ENSURE(status == STATUS_OK || status == STATUS_CORRUPT);
    return status;
}

static void check_totals(struct plan *plan)
{
    struct plan_totals totals;
    uint64_t promised = 0;
    uint64_t received = 0;

    plan_totals(plan, &totals);
    for (uint64_t i = 1; i <= plan_assignment_count(plan); i++) {
        const struct plan_assignment *assignment = plan_assignment(plan, i);
        bool is_received = assignment->state == ASSIGNMENT_RECEIVED;
        promised += life_is_final(assignment->state) ? 0 : (uint64_t)assignment->quantity;
        received += is_received ? (uint64_t)assignment->quantity : 0;
    }
    ENSURE(totals.units_promised == promised);
    ENSURE(totals.units_received == received);
}

static void ignore_row(void *context, uint8_t table, struct bytes key, struct bytes value)
{
    size_t *count = context;

    ENSURE(table < TABLE_COUNT);
    ENSURE(key.size == KEY_SIZE);
    (void)value;
    (*count)++;
}

/* The plan is as settled as it was, so that nothing is left to save but the clock and itself. */
static void check_loaded(struct plan *plan)
{
    char problem[160] = "";
    size_t saved_count = 0;

    check_totals(plan);
    if (!plan_certify(plan, problem)) {
        ENSURE(problem[0] != '\0');
    }
    if (plan_is_settled(plan)) {
        plan_save(plan, ignore_row, &saved_count);
        ENSURE(saved_count >= 2);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plan_options options = plan_options_default();
    struct bytes input = {data, size};
    struct loading loading = {0};
    enum status status = STATUS_OK;

    plan_open(&options, &loading.plan);
    for (size_t i = 0; i < ROW_COUNT_MAX && input.size > 0 && status == STATUS_OK; i++) {
        status = load_row(&loading, &input);
    }
    if (status == STATUS_OK) {
        status = plan_loaded(loading.plan);
        ENSURE(status == STATUS_OK || status == STATUS_CORRUPT);
    }
    if (status == STATUS_OK) {
        check_loaded(loading.plan);
    }
    plan_close(loading.plan);
    return 0;
}

/* Seeds: what a plan saves. */

static void put_row(void *context, uint8_t table, struct bytes key, struct bytes value)
{
    struct buffer *input = context;

    ENSURE(load_u32_be(key.data) < UINT8_MAX);
    *buffer_extend(input, 1) = table;
    *buffer_extend(input, 1) = (uint8_t)load_u32_be(key.data);
    fuzz_put_block(input, value);
}

/* As the match worker tells it: the candidates with the need, later offers behind themselves. */
static void apply(struct plan *plan, const struct market_command *command, uint64_t seq)
{
    struct market *market = plan_market(plan);
    uint32_t offer_count = market->offer_ids.count;
    const struct plan_input input = {
        .kind = command->kind,
        .command = &command->command,
        .submission_id = bytes_from_text("0123456789abcdef"),
        .seq = seq,
        .time_ms = market->now_ms,
        .bound = UINT32_MAX,
    };

    plan_apply(plan, &input);
    for (uint32_t offer = offer_count; offer < market->offer_ids.count; offer++) {
        for (uint32_t need = 0; need < market->need_ids.count; need++) {
            struct match match = match_check(market, plan_rules(plan), need, offer);
            if (match.reason == MATCH_POSSIBLE) {
                plan_apply_match(plan, need, offer, match.cost, UINT32_MAX);
            }
        }
    }
}

static void ignore_assignment(void *context, const struct assignment_event *event)
{
    (void)context;
    (void)event;
}

static void ignore_answer(void *context, const struct answer_event *event)
{
    (void)context;
    (void)event;
}

static void give_rows(const struct fuzz_sink *sink, struct plan *plan)
{
    struct buffer input = {0};

    plan_settle(plan, &(struct plan_listener){NULL, ignore_assignment, ignore_answer});
    plan_save(plan, put_row, &input);
    fuzz_give(sink, &input);
    buffer_deinit(&input);
}

/* Everything fresh, and then answered: proposed, accepted, committed, declined. */
static struct plan *open_filled(void)
{
    struct plan_options options = plan_options_default();
    struct plan *plan = NULL;
    size_t count = 0;
    const struct market_command *all = market_commands(&count);

    plan_open(&options, &plan);
    for (size_t i = 0; i < count; i++) {
        apply(plan, &all[i], i + 1);
    }
    return plan;
}

static void answer(struct plan *plan, uint16_t kind, uint64_t number, bool by_requester)
{
    const struct plan_assignment *assignment = plan_assignment(plan, number);
    const struct market *market = plan_market(plan);
    bool needs_reason = kind == KIND_ASSIGNMENT_DECLINE;
    struct market_command command = {.kind = kind};

    if (assignment->state == 0) {
        return;
    }
    uint32_t party = by_requester ? market->needs[assignment->need].party
                                  : market->offers[assignment->offer].party;
    command.command.assignment = (struct assignment_command){
        .assignment = number,
        .party = names_text(&market->party_ids, party),
        .reason = bytes_from_text(needs_reason ? life_reasons()[0] : ""),
    };
    apply(plan, &command, 100 + number);
}

void fuzz_seeds(const struct fuzz_sink *sink)
{
    struct plan *plan = open_filled();

    plan_settle(plan, &(struct plan_listener){NULL, ignore_assignment, ignore_answer});
    answer(plan, KIND_ASSIGNMENT_ACCEPT, 1, true);
    answer(plan, KIND_ASSIGNMENT_ACCEPT, 1, false);
    answer(plan, KIND_ASSIGNMENT_SHIP, 1, false);
    answer(plan, KIND_ASSIGNMENT_DECLINE, 2, true);
    answer(plan, KIND_ASSIGNMENT_ACCEPT, 3, true);
    give_rows(sink, plan);
    plan_close(plan);
    plan = open_filled();
    give_rows(sink, plan);
    plan_close(plan);
}

void fuzz_words(const struct fuzz_sink *sink)
{
    market_words(sink);
}
