/*
 * gateway_crash_test.c - what the gateway acknowledged outlives every crash, once.
 */
#include "tests/unit/gateway_fixture.h"

#define SEED_COUNT 30
#define NAME_COUNT 5
#define MARKET_ROWS_FIRST 3 /* Tables of the market's rows, as gateway.c lists them. */
#define MARKET_ROWS_LAST 8
#define SUBMITTER_ROWS 11

#define TRACE_COUNT 120

/* Adds command `number` of the seed: the same one whenever it is sent. */
static void add_random(struct setup *setup, uint64_t seed, uint64_t number)
{
    static const char *const names[NAME_COUNT] = {"a", "b", "c", "d", "e"};
    uint64_t random = hash_u64(seed * 1000 + number);
    const char *name = names[random_below(&random, NAME_COUNT)];
    const char *other = names[random_below(&random, NAME_COUNT)];
    uint64_t units = 1 + random_below(&random, 20);
    union command product = make_product(other, 1);

    product.product_put.need_max = random_below(&random, 20);
    product.product_put.offer_max = random_below(&random, 20);
    switch (random_below(&random, 10)) {
    case 0:
        add(setup, number, &PARTY_PUT, make_party(name));
        break;
    case 1:
        add(setup, number, &PRODUCT_PUT, product);
        break;
    case 2:
    case 3:
        add(setup, number, &NEED_PUT, make_need(name, "a", other, units));
        break;
    case 4:
    case 5:
        add(setup, number, &OFFER_PUT, make_stock(name, "b", other, units));
        break;
    case 6:
        add(setup, number, &CAPACITY_PUT, make_capacity(name, units));
        break;
    case 7:
        add(setup, number, &NEED_RELEASE, make_id_command(name));
        break;
    case 8:
        add(setup, number, &NEED_CANCEL, make_id_command(name));
        break;
    case 9:
        add(setup, number, &OFFER_RELEASE, make_id_command(name));
        break;
    }
}

struct trace { /* What the clients know. */
    bool is_answered[TRACE_COUNT];
    struct result results[TRACE_COUNT]; /* Those accepted keep their chain. */
};

/* Reads the answers that came; accepted ones must say what they said before. */
static void collect(struct setup *setup, struct trace *trace)
{
    for (size_t i = 0; i < setup->world.send_count; i++) {
        struct answers answers = sent_answers(setup, i);
        const struct result *results = answers.results.items;
        for (size_t k = 0; k < answers.results.count; k++) {
            uint64_t number = load_u64(results[k].id.data);
            if (trace->is_answered[number] && trace->results[number].accepted) {
                expect_same(trace->results[number], results[k]);
            }
            trace->is_answered[number] = true;
            trace->results[number] = keep(setup, results[k]);
        }
    }
    fake_world_forget_sends(&setup->world);
}

/* Every acknowledged command stands in the feed, nothing stands there twice. */
static void check_feed(struct setup *setup, const struct trace *trace)
{
    uint64_t seqs[TRACE_COUNT] = {0};

    for (uint64_t seq = 1; seq <= last_seq(setup); seq++) {
        struct intake intake = intake_at(setup, seq);
        if (intake.id.size > 0) {
            uint64_t number = load_u64(intake.id.data);
            EXPECT_EQ(seqs[number], 0);
            seqs[number] = seq;
        }
    }
    for (uint64_t number = 0; number < TRACE_COUNT; number++) {
        const struct result *result = &trace->results[number];
        if (trace->is_answered[number] && result->accepted) {
            EXPECT_TRUE(seqs[number] > 0);
            const struct entry *entry = &setup->world.journal.entries[seqs[number] - 1];
            EXPECT_TRUE(bytes_equal(result->chain, (struct bytes){entry->chain, CHAIN_SIZE}));
            EXPECT_EQ(result->position, intake_at(setup, seqs[number]).position);
        }
    }
}

/* The rows that a last checkpoint leaves, as text; ids lie in pieces as they were saved. */
static struct buffer final_rows(struct setup *setup)
{
    struct buffer text = {0};

    stage_stop(setup->stage);
    settle(setup);
    restart(setup); /* Sorts the rows. */
    for (size_t i = 0; i < setup->world.journal.row_count; i++) {
        const struct fake_row *row = &setup->world.journal.rows[i];
        bool is_market = row->table >= MARKET_ROWS_FIRST && row->table <= MARKET_ROWS_LAST;
        if (is_market || row->table == SUBMITTER_ROWS) {
            buffer_format(&text, "%u ", row->table);
            buffer_append(&text, row->key.data, row->key.size);
            buffer_append(&text, row->value.data, row->value.size);
        }
    }
    return text;
}

/* The state that crashes and checkpoints led to is the one that the entries alone give. */
static void check_state(struct setup *setup)
{
    struct setup fresh;

    settle(setup);
    struct buffer rows = final_rows(setup);
    open_setup(&fresh);
    crash(&fresh);
    fresh.world.journal.head.last = 0;
    for (uint64_t seq = 1; seq <= last_seq(setup); seq++) {
        fake_journal_append(&fresh.world.journal, &setup->world.journal.entries[seq - 1]);
    }
    start(&fresh);
    fresh.world.pending = NULL; /* The tick of the start is not of the story. */
    crash(&fresh);
    fresh.world.space = 0;
    start(&fresh);
    struct buffer expected = final_rows(&fresh);
    EXPECT_TRUE(bytes_equal(buffer_view(&rows), buffer_view(&expected)));
    buffer_deinit(&rows);
    buffer_deinit(&expected);
    close_setup(&fresh);
}

static void crash_and_resend(struct setup *setup, uint64_t seed, struct trace *trace, uint64_t sent)
{
    restart(setup);
    for (uint64_t number = 0; number < sent; number++) {
        if (!trace->is_answered[number]) {
            add_random(setup, seed, number);
            submit(setup);
        }
    }
}

static void every_acknowledged_command_is_in_the_feed_exactly_once(void)
{
    for (test_seed = 1; test_seed <= SEED_COUNT; test_seed++) {
        struct setup setup;
        struct trace trace = {0};
        uint64_t random = test_seed;
        uint64_t sent = 0;

        open_setup(&setup);
        setup.options.checkpoint_entries = 1 + random_below(&random, 40);
        while (sent < TRACE_COUNT) {
            switch (random_below(&random, 12)) {
            case 0:
                crash_and_resend(&setup, test_seed, &trace, sent);
                break;
            case 1:
            case 2:
            case 3:
                fake_world_write(&setup.world);
                break;
            case 4:
            case 5:
            case 6:
                fake_world_tell(&setup.world, setup.stage);
                break;
            case 7:
                fake_world_pass(&setup.world, setup.stage, 600);
                break;
            case 8: /* Once more, for no reason. */
                add_random(&setup, test_seed, random_below(&random, sent + 1));
                submit(&setup);
                break;
            default:
                for (uint64_t i = 1 + random_below(&random, 5); i > 0 && sent < TRACE_COUNT; i--) {
                    add_random(&setup, test_seed, sent++);
                }
                submit(&setup);
                break;
            }
            collect(&setup, &trace);
        }
        settle(&setup);
        collect(&setup, &trace);
        check_feed(&setup, &trace);
        check_state(&setup);
        close_setup(&setup);
    }
    test_seed = 0;
}

static const struct test_case cases[] = {
    CASE(every_acknowledged_command_is_in_the_feed_exactly_once),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
