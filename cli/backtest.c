/*
 * backtest.c - a scenario in virtual time: what arrives between two rounds is decided together, and
 * for good.
 *
 * Rounds follow each other by the interval, counted from the first offer, as in the framework whose
 * figures are printed; the last one is the first at or behind the last arrival. What a round
 * decides becomes commitments (core/plan/round.h). An offer that is empty is withdrawn, so that
 * later needs do not look at it.
 */
#include "cli/measure.h"
#include "cli/offline.h"

#include <stdlib.h>
#include <string.h>

#define EVERY_DEFAULT "7d"
#define HOUR_MS ((uint64_t)3600 * 1000)
#define INTERVAL_COUNT_MAX 36500

struct backtest {
    struct offline offline;
    uint64_t interval_ms; /* 0: a round for each event. */
    uint64_t rounds;
    uint64_t now_ms;
    struct plan_round round;
    struct measure_decision *decisions;
    size_t decision_count, decision_capacity;
    uint64_t *offer_at; /* By number: when it came. */
    size_t offer_at_capacity;
    struct progress progress;
};

/* "7d", "12h", "event". */
static int read_interval(const char *text, uint64_t *interval_ms)
{
    char *end = NULL;

    if (text == NULL) {
        text = EVERY_DEFAULT;
    }
    if (strcmp(text, "event") == 0) {
        *interval_ms = 0;
        return EXIT_DONE;
    }
    unsigned long count = strtoul(text, &end, 10);
    bool is_unit = strcmp(end, "d") == 0 || strcmp(end, "h") == 0;
    if (end == text || !is_unit || count == 0 || count > INTERVAL_COUNT_MAX) {
        return complain(EXIT_USAGE, "--every is a number of days or hours (7d, 12h) or \"event\"");
    }
    *interval_ms = count * (*end == 'd' ? DAY_MS : HOUR_MS);
    return EXIT_DONE;
}

static void note_decision(struct backtest *backtest, const struct plan_decision *decision)
{
    const struct market *market = plan_market(backtest->offline.plan);
    const struct need *need = &market->needs[decision->need];
    const struct party *from = &market->parties[market->offers[decision->offer].party];
    const struct party *to = &market->parties[need->party];

    GROW(backtest->decisions, backtest->decision_capacity, backtest->decision_count + 1);
    backtest->decisions[backtest->decision_count++] = (struct measure_decision){
        .at_ms = backtest->now_ms,
        .offer = decision->offer,
        .requester = need->party,
        .class_number = need->class_number,
        .units = decision->units,
        .miles = measure_miles(from->lat, from->lon, to->lat, to->lon),
        .kilometres = decision->kilometres,
    };
}

static void withdraw(struct backtest *backtest, uint32_t offer)
{
    const struct market *market = plan_market(backtest->offline.plan);
    union command command = {.id_command = {.id = names_text(&market->offer_ids, offer)}};

    if (market->offers[offer].state == OFFER_ACTIVE) {
        offline_apply(&backtest->offline, KIND_OFFER_WITHDRAW, &command, backtest->now_ms);
    }
}

static void pass_time(struct backtest *backtest)
{
    const struct market *market = plan_market(backtest->offline.plan);
    union command command = {.tick = {.now = backtest->now_ms}};

    if (market->today != day_of(backtest->now_ms)) {
        offline_apply(&backtest->offline, KIND_TICK, &command, backtest->now_ms);
    }
}

/* Decides on everything that has arrived. */
static void decide(struct backtest *backtest)
{
    struct offline *offline = &backtest->offline;
    struct plan_round *round = &backtest->round;

    pass_time(backtest);
    offline_settle(offline);
    plan_round(offline->plan, offline->changed, offline->changed_count, round);
    offline->changed_count = 0;
    for (size_t i = 0; i < round->count; i++) {
        note_decision(backtest, &round->decisions[i]);
        if (round->decisions[i].empties_offer) {
            withdraw(backtest, round->decisions[i].offer);
        }
    }
    backtest->rounds++;
}

static void arrive(struct backtest *backtest, const struct offline_row *row)
{
    struct offline *offline = &backtest->offline;

    offline_apply(offline, row->kind, &row->command, row->at_ms);
    if (row->kind == KIND_OFFER_PUT) {
        uint32_t offer =
            market_find_offer(plan_market(offline->plan), row->command.offer_put.offer);
        if (offer != NAME_NONE) {
            GROW(backtest->offer_at, backtest->offer_at_capacity, (size_t)offer + 1);
            backtest->offer_at[offer] = row->at_ms;
        }
    }
}

static uint64_t first_offer_ms(const struct offline *offline)
{
    for (size_t i = 0; i < offline->row_count; i++) {
        if (offline->rows[i].kind == KIND_OFFER_PUT) {
            return offline->rows[i].at_ms;
        }
    }
    return 0;
}

static void run_rounds(struct backtest *backtest)
{
    const struct offline *offline = &backtest->offline;
    uint64_t round_ms = first_offer_ms(offline) + backtest->interval_ms;

    for (size_t i = 0; i < offline->row_count; i++) {
        const struct offline_row *row = &offline->rows[i];
        while (backtest->interval_ms > 0 && row->at_ms > round_ms) {
            backtest->now_ms = round_ms;
            decide(backtest);
            round_ms += backtest->interval_ms;
        }
        arrive(backtest, row);
        if (backtest->interval_ms == 0 && row->at_ms > 0) {
            backtest->now_ms = row->at_ms;
            decide(backtest);
        }
        progress_set(&backtest->progress, i + 1);
    }
    if (backtest->interval_ms > 0) {
        backtest->now_ms = round_ms;
        decide(backtest);
    }
}

/* The tables that are measured: every need that the plan may serve, every offer by its number. */
static void measure_all(struct backtest *backtest, struct measures *measures)
{
    const struct market *market = plan_market(backtest->offline.plan);
    size_t need_count = market->need_ids.count;
    size_t offer_count = market->offer_ids.count;
    struct measure_request *requests = memory_take(need_count + 1, sizeof *requests);
    struct measure_offer *offers = memory_take(offer_count + 1, sizeof *offers);

    for (size_t i = 0; i < need_count; i++) {
        const struct need *need = &market->needs[i];
        requests[i] = (struct measure_request){need->party, need->product, (int64_t)need->quantity};
        if (need->state == NEED_QUARANTINED) {
            requests[i].units = 0;
        }
    }
    for (size_t i = 0; i < offer_count; i++) {
        const struct offer *offer = &market->offers[i];
        offers[i] = (struct measure_offer){offer->party, offer->product, backtest->offer_at[i]};
    }
    measure(
        &(struct measure_tables){
            .requests = requests,
            .request_count = need_count,
            .offers = offers,
            .offer_count = offer_count,
            .decisions = backtest->decisions,
            .decision_count = backtest->decision_count,
            .product_count = market->product_ids.count,
        },
        measures);
    free(requests);
    free(offers);
}

static void json_real(struct buffer *object, const char *key, double value)
{
    char text[32];

    snprintf(text, sizeof text, "%.6f", value);
    json_raw(object, key, bytes_from_text(text));
}

static void describe(const struct backtest *backtest, const struct measures *measures,
                     struct buffer *object)
{
    struct buffer classes = {0};

    json_uint(object, "rounds", backtest->rounds);
    json_uint(object, "quarantined", backtest->offline.quarantined);
    json_uint(object, "refused", backtest->offline.refused);
    json_uint(object, "fragments", plan_lot_work(backtest->offline.plan).fragments);
    json_uint(object, "units", (uint64_t)measures->units);
    json_uint(object, "shipments", measures->shipments);
    json_uint(object, "assignments", backtest->decision_count);
    json_real(object, "fill_rate", measures->fill_rate);
    json_real(object, "fill_rate_nonzero", measures->fill_rate_nonzero);
    json_real(object, "unit_miles", measures->unit_miles);
    json_real(object, "holding_days", measures->holding_days);
    json_real(object, "shipments_per_offerer", measures->shipments_per_offerer);
    for (size_t i = 1; i <= CLASS_COUNT; i++) {
        buffer_format(&classes, "%s%lld", i == 1 ? "[" : ",", (long long)measures->class_units[i]);
    }
    buffer_append_text(&classes, "]");
    json_raw(object, "units_by_class", buffer_view(&classes));
    json_real(object, "mean_fill", measures->fill_mean);
    json_real(object, "median_fill", measures->fill_median);
    json_real(object, "least_fill", measures->fill_least);
    json_real(object, "gini", measures->fill_gini);
    json_uint(object, "unit_km", measures->unit_kilometres);
    buffer_deinit(&classes);
}

static void print_table(const struct backtest *backtest, const struct measures *measures,
                        uint64_t elapsed_ms)
{
    const struct config *config = backtest->offline.config;
    char units[32], shipments[32], rounds[32];

    printf("cost of a unit: %u a kilometre, %u other region, %u other country, %u a day late\n",
           config->match.per_kilometre, config->match.other_region, config->match.other_country,
           config->match.per_day_late);
    printf("%s units in %s shipments, %s rounds, %llu.%03llu s\n\n",
           group_digits((uint64_t)measures->units, units),
           group_digits(measures->shipments, shipments), group_digits(backtest->rounds, rounds),
           (unsigned long long)elapsed_ms / 1000, (unsigned long long)elapsed_ms % 1000);
    printf("fill rate                 %8.4f   mean over products of the mean over requesters\n"
           "fill rate without zeros   %8.4f   of those who received something\n"
           "unit-miles                %8.1f   a unit\n"
           "holding days              %8.2f   a unit\n"
           "shipments an offerer      %8.2f\n"
           "fill of a requester       %8.4f   mean, %.4f median, %.4f least, Gini %.3f\n",
           measures->fill_rate, measures->fill_rate_nonzero, measures->unit_miles,
           measures->holding_days, measures->shipments_per_offerer, measures->fill_mean,
           measures->fill_median, measures->fill_least, measures->fill_gini);
    for (size_t i = 1; i <= CLASS_COUNT; i++) {
        printf("units of class %zu          %8lld\n", i, (long long)measures->class_units[i]);
    }
}

static void print(struct backtest *backtest, uint64_t elapsed_ms)
{
    struct measures measures;
    struct buffer line = {0};
    const char *every = backtest->offline.cli->options.every;

    measure_all(backtest, &measures);
    if (backtest->offline.cli->is_json) {
        json_open(&line);
        json_text(&line, "every", bytes_from_text(every == NULL ? EVERY_DEFAULT : every));
        offline_describe(&backtest->offline, &line);
        describe(backtest, &measures, &line);
        json_uint(&line, "milliseconds", elapsed_ms);
        json_close(&line);
        printf("%.*s\n", BYTES_ARGS(buffer_view(&line)));
        buffer_deinit(&line);
    } else {
        print_table(backtest, &measures, elapsed_ms);
    }
    measure_deinit(&measures);
}

static void close_backtest(struct backtest *backtest)
{
    plan_round_deinit(&backtest->round);
    offline_close(&backtest->offline);
    free(backtest->decisions);
    free(backtest->offer_at);
}

int run_backtest(struct cli *cli)
{
    struct backtest backtest = {0};
    uint64_t started_ms = clock_ms();
    int code = read_interval(cli->options.every, &backtest.interval_ms);

    if (code != EXIT_DONE) {
        return code;
    }
    code = offline_open(&backtest.offline, cli, true);
    if (code == EXIT_DONE) {
        progress_start(&backtest.progress, cli, "backtest", backtest.offline.row_count);
        run_rounds(&backtest);
        progress_end(&backtest.progress);
        print(&backtest, clock_ms() - started_ms);
    }
    close_backtest(&backtest);
    return code != EXIT_DONE ? code : backtest.offline.refused > 0 ? EXIT_DATA : EXIT_DONE;
}
