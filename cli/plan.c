/*
 * plan.c - the whole decision on a scenario, without a daemon: all rows at once, one settle.
 *
 * Prices are those of the optimum; assignments keep to lots (core/plan/round.h). Rows go out three
 * ways: JSON lines, CSV files with --out, and short tables for people.
 */
#include "cli/offline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SHOWN_COUNT_MAX 20
#define TRANCHE_COUNT 4 /* As core/plan cuts a need. */

enum section { SECTION_ASSIGNMENTS, SECTION_UNMET, SECTION_PRICES, SECTION_COUNT };

static const struct {
    const char *type, *file, *title;
} SECTIONS[SECTION_COUNT] = {
    {"assignment", "assignments.csv", "Assignments"},
    {"unmet", "unmet.csv", "Unmet needs"},
    {"price", "prices.csv", "Scarce offers"},
};

struct cell {
    const char *name;
    struct bytes text; /* Without data: `number` counts. */
    uint64_t number;
};

struct planning {
    struct offline offline;
    int64_t *prices; /* Of offers, at the optimum. */
    int64_t *served; /* Of needs, likewise: units before lots were kept to. */
    int64_t *given;  /* Of needs, after. */
    int64_t *taken;  /* Of offers, after. */
    struct plan_round round;
    FILE *files[SECTION_COUNT];
    struct table tables[SECTION_COUNT];
    uint64_t counts[SECTION_COUNT];
    struct buffer line;
    uint64_t units, unmet, cost, unit_kilometres;
    uint64_t class_units[CLASS_COUNT + 1];
};

static uint64_t add_capped(uint64_t left, uint64_t right)
{
    uint64_t sum;

    return add_u64(left, right, &sum) ? sum : UINT64_MAX;
}

static uint64_t multiply_capped(uint64_t left, uint64_t right)
{
    uint64_t product;

    return multiply_u64(left, right, &product) ? product : UINT64_MAX;
}

/* Output. */

static struct cell text_cell(const char *name, struct bytes text)
{
    return (struct cell){.name = name, .text = text};
}

static struct cell number_cell(const char *name, uint64_t number)
{
    return (struct cell){.name = name, .number = number};
}

static void write_cell(FILE *file, const struct cell *cell)
{
    if (cell->text.data == NULL) {
        fprintf(file, "%llu", (unsigned long long)cell->number);
        return;
    }
    bool is_quoted = false;
    for (size_t i = 0; i < cell->text.size; i++) {
        is_quoted = is_quoted || strchr(",\"\r\n", cell->text.data[i]) != NULL;
    }
    fputs(is_quoted ? "\"" : "", file);
    for (size_t i = 0; i < cell->text.size; i++) {
        fputs(cell->text.data[i] == '"' ? "\"" : "", file);
        fputc(cell->text.data[i], file);
    }
    fputs(is_quoted ? "\"" : "", file);
}

static void write_row(FILE *file, const struct cell *cells, size_t count, bool is_first)
{
    for (size_t i = 0; is_first && i < count; i++) {
        fprintf(file, "%s%s", i == 0 ? "" : ",", cells[i].name);
    }
    fputs(is_first ? "\n" : "", file);
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "" : ",", file);
        write_cell(file, &cells[i]);
    }
    fputc('\n', file);
}

static void print_object(struct planning *planning, const char *type, const struct cell *cells,
                         size_t count)
{
    struct buffer *line = &planning->line;

    line->size = 0;
    json_open(line);
    json_text(line, "t", bytes_from_text(type));
    for (size_t i = 0; i < count; i++) {
        if (cells[i].text.data == NULL) {
            json_uint(line, cells[i].name, cells[i].number);
        } else {
            json_text(line, cells[i].name, cells[i].text);
        }
    }
    json_close(line);
    printf("%.*s\n", BYTES_ARGS(buffer_view(line)));
}

static void add_to_table(struct table *table, const struct cell *cells, size_t count)
{
    table->column_count = count;
    for (size_t i = 0; table->cell_count < count; i++) {
        table_cell(table, "%s", cells[i].name);
    }
    for (size_t i = 0; i < count; i++) {
        if (cells[i].text.data == NULL) {
            table_cell(table, "%llu", (unsigned long long)cells[i].number);
        } else {
            table_cell(table, "%.*s", BYTES_ARGS(cells[i].text));
        }
    }
}

static void emit(struct planning *planning, enum section section, const struct cell *cells,
                 size_t count)
{
    const struct cli *cli = planning->offline.cli;
    uint64_t shown_max = cli->options.limit > 0 ? (uint64_t)cli->options.limit : SHOWN_COUNT_MAX;
    uint64_t number = planning->counts[section]++;

    if (planning->files[section] != NULL) {
        write_row(planning->files[section], cells, count, number == 0);
    }
    if (cli->is_json) {
        print_object(planning, SECTIONS[section].type, cells, count);
    } else if (number < shown_max) {
        add_to_table(&planning->tables[section], cells, count);
    }
}

/* The three sections. */

static void emit_assignment(struct planning *planning, const struct plan_decision *decision)
{
    const struct market *market = plan_market(planning->offline.plan);
    const struct need *need = &market->needs[decision->need];
    const struct offer *offer = &market->offers[decision->offer];
    const struct cell cells[] = {
        text_cell("need", names_text(&market->need_ids, decision->need)),
        text_cell("offer", names_text(&market->offer_ids, decision->offer)),
        text_cell("product", names_text(&market->product_ids, need->product)),
        text_cell("requester", names_text(&market->party_ids, need->party)),
        text_cell("offerer", names_text(&market->party_ids, offer->party)),
        number_cell("quantity", (uint64_t)decision->units),
        number_cell("class", need->class_number),
        number_cell("cost", decision->cost),
        number_cell("kilometres", decision->kilometres),
    };
    uint64_t units = (uint64_t)decision->units;

    planning->given[decision->need] += decision->units;
    planning->taken[decision->offer] += decision->units;
    planning->units = add_capped(planning->units, units);
    planning->class_units[need->class_number] += units;
    planning->cost = add_capped(planning->cost, multiply_capped(units, decision->cost));
    planning->unit_kilometres =
        add_capped(planning->unit_kilometres, multiply_capped(units, decision->kilometres));
    emit(planning, SECTION_ASSIGNMENTS, cells, COUNT_OF(cells));
}

/* The level of a price: of the unserved tranche that one unit more would serve. */
static int64_t level_of(int64_t price)
{
    return (price + FLOW_WEIGHT_STEP / 2) / FLOW_WEIGHT_STEP;
}

static uint8_t class_of_level(int64_t level)
{
    if (level <= 0) {
        return 0;
    }
    return (uint8_t)(CLASS_COUNT - (level - 1) / TRANCHE_COUNT);
}

/* The level of the need's next unit. */
static int64_t next_level(const struct planning *planning, uint32_t number)
{
    struct plan_options options = offline_plan_options(planning->offline.config);
    const struct market *market = plan_market(planning->offline.plan);
    const struct need *need = &market->needs[number];
    int64_t tranche = 0;

    while (tranche < TRANCHE_COUNT - 1 &&
           multiply_capped(options.tranche_lots[tranche], market->products[need->product].lot) <=
               (uint64_t)planning->given[number]) {
        tranche++;
    }
    return (CLASS_COUNT - need->class_number) * TRANCHE_COUNT + TRANCHE_COUNT - tranche;
}

struct verdict {
    const char *reason;
    const char *why; /* Empty, or the rule that fails most often. */
};

static struct verdict judge_scarce(const struct planning *planning, uint32_t number,
                                   int64_t price_min)
{
    const struct need *need = &plan_market(planning->offline.plan)->needs[number];
    int64_t level = level_of(price_min);

    if (planning->served[number] > planning->given[number] || price_min == 0) {
        return (struct verdict){"lot", ""};
    }
    if (level > next_level(planning, number)) {
        return class_of_level(level) < need->class_number ? (struct verdict){"scarce_class", ""}
                                                          : (struct verdict){"scarce_fairness", ""};
    }
    return (struct verdict){"scarce_cost", ""};
}

/* Counts a need's offers of one product by reason; returns the least price of the possible ones. */
static int64_t count_reasons(const struct planning *planning, uint32_t need, uint32_t product,
                             size_t counts[MATCH_SAME_PARTY + 1])
{
    struct plan *plan = planning->offline.plan;
    const struct market *market = plan_market(plan);
    const struct number_list *offers = &market->products[product].offers;
    int64_t price_min = INT64_MAX;

    for (size_t i = 0; i < offers->count; i++) {
        struct match match = match_check(market, plan_rules(plan), need, offers->items[i]);
        counts[match.reason]++;
        if (match.reason == MATCH_POSSIBLE) {
            price_min = min_i64(price_min, planning->prices[offers->items[i]]);
        }
    }
    return price_min;
}

/* Why a need misses units. */
static struct verdict judge(const struct planning *planning, uint32_t number)
{
    struct plan *plan = planning->offline.plan;
    const struct market *market = plan_market(plan);
    const struct need *need = &market->needs[number];
    uint32_t given[PRODUCT_GIVEN_MAX];
    size_t given_count = market_given_products(market, need->product, given);
    size_t counts[MATCH_SAME_PARTY + 1] = {0};
    int64_t price_min = INT64_MAX;
    size_t commonest = 1;

    if (need->state != NEED_OPEN) {
        return (struct verdict){need_state_name(need->state), ""};
    }
    size_t offer_count = 0;
    for (size_t i = 0; i < given_count; i++) {
        offer_count += market->products[given[i]].offers.count;
        price_min = min_i64(price_min, count_reasons(planning, number, given[i], counts));
    }
    if (offer_count == 0) {
        return (struct verdict){"not_offered", ""};
    }
    if (price_min < INT64_MAX) {
        return judge_scarce(planning, number, price_min);
    }
    for (size_t i = 2; i < COUNT_OF(counts); i++) {
        commonest = counts[i] > counts[commonest] ? i : commonest;
    }
    return (struct verdict){"not_possible", match_reason_name((enum match_reason)commonest)};
}

static void emit_unmet(struct planning *planning, uint32_t number)
{
    const struct market *market = plan_market(planning->offline.plan);
    const struct need *need = &market->needs[number];
    uint64_t unmet = need->quantity - (uint64_t)planning->given[number];

    if (unmet == 0) {
        return;
    }
    struct verdict verdict = judge(planning, number);
    const struct cell cells[] = {
        text_cell("need", names_text(&market->need_ids, number)),
        text_cell("product", names_text(&market->product_ids, need->product)),
        text_cell("requester", names_text(&market->party_ids, need->party)),
        number_cell("class", need->class_number),
        number_cell("quantity", need->quantity),
        number_cell("unmet", unmet),
        text_cell("reason", bytes_from_text(verdict.reason)),
        text_cell("why", bytes_from_text(verdict.why)),
    };
    planning->unmet = add_capped(planning->unmet, unmet);
    emit(planning, SECTION_UNMET, cells, COUNT_OF(cells));
}

/* The class and tranche that wait for one unit more of the offer. */
static void emit_price(struct planning *planning, uint32_t number)
{
    const struct market *market = plan_market(planning->offline.plan);
    const struct offer *offer = &market->offers[number];
    int64_t price = planning->prices[number];
    int64_t level = level_of(price);

    if (price == 0) {
        return;
    }
    int64_t tranche = level <= 0 ? 0 : TRANCHE_COUNT - (level - 1) % TRANCHE_COUNT;
    const struct cell cells[] = {
        text_cell("offer", names_text(&market->offer_ids, number)),
        text_cell("product", names_text(&market->product_ids, offer->product)),
        text_cell("offerer", names_text(&market->party_ids, offer->party)),
        number_cell("capacity", offer->capacity),
        number_cell("used", (uint64_t)planning->taken[number]),
        number_cell("price", (uint64_t)price),
        number_cell("class", class_of_level(level)),
        number_cell("tranche", (uint64_t)tranche),
    };
    emit(planning, SECTION_PRICES, cells, COUNT_OF(cells));
}

static void emit_all(struct planning *planning)
{
    const struct market *market = plan_market(planning->offline.plan);

    for (size_t i = 0; i < planning->round.count; i++) {
        emit_assignment(planning, &planning->round.decisions[i]);
    }
    for (uint32_t i = 0; i < market->need_ids.count; i++) {
        emit_unmet(planning, i);
    }
    for (uint32_t i = 0; i < market->offer_ids.count; i++) {
        emit_price(planning, i);
    }
}

/* Totals. */

static void print_totals_json(struct planning *planning, uint64_t elapsed_ms)
{
    const struct offline *offline = &planning->offline;
    const struct market *market = plan_market(offline->plan);
    struct buffer *line = &planning->line;
    struct buffer classes = {0};

    line->size = 0;
    json_open(line);
    json_text(line, "t", bytes_from_text("totals"));
    offline_describe(offline, line);
    json_uint(line, "needs", market->need_ids.count);
    json_uint(line, "offers", market->offer_ids.count);
    json_uint(line, "quarantined", offline->quarantined);
    json_uint(line, "refused", offline->refused);
    json_uint(line, "assignments", planning->counts[SECTION_ASSIGNMENTS]);
    json_uint(line, "units", planning->units);
    for (size_t i = 1; i <= CLASS_COUNT; i++) {
        buffer_format(&classes, "%s%llu", i == 1 ? "[" : ",",
                      (unsigned long long)planning->class_units[i]);
    }
    buffer_append_text(&classes, "]");
    json_raw(line, "units_by_class", buffer_view(&classes));
    json_uint(line, "unmet_needs", planning->counts[SECTION_UNMET]);
    json_uint(line, "unmet", planning->unmet);
    json_uint(line, "scarce_offers", planning->counts[SECTION_PRICES]);
    json_uint(line, "fragments", planning->round.fragments);
    json_uint(line, "cost", planning->cost);
    json_uint(line, "unit_km", planning->unit_kilometres);
    json_raw(line, "proved", bytes_from_text(offline->cli->options.prove ? "true" : "false"));
    json_uint(line, "milliseconds", elapsed_ms);
    json_close(line);
    printf("%.*s\n", BYTES_ARGS(buffer_view(line)));
    buffer_deinit(&classes);
}

static void print_tables(struct planning *planning, uint64_t elapsed_ms)
{
    char count[32];

    for (size_t i = 0; i < SECTION_COUNT; i++) {
        printf("%s: %s\n", SECTIONS[i].title, group_digits(planning->counts[i], count));
        if (planning->tables[i].cell_count > 0) {
            table_print(&planning->tables[i]);
        }
        printf("\n");
    }
    printf("%s units placed, ", group_digits(planning->units, count));
    printf("%s unmet, ", group_digits(planning->unmet, count));
    printf("cost %s, ", group_digits(planning->cost, count));
    printf("%s unit-km, ", group_digits(planning->unit_kilometres, count));
    printf("%llu.%03llu s%s\n", (unsigned long long)elapsed_ms / 1000,
           (unsigned long long)elapsed_ms % 1000,
           planning->offline.cli->options.prove != 0 ? ", proved optimal before lots" : "");
    for (size_t i = 1; i <= CLASS_COUNT; i++) {
        printf("  class %zu: %s units\n", i, group_digits(planning->class_units[i], count));
    }
}

/* Deciding. */

static int open_files(struct planning *planning)
{
    const char *directory = planning->offline.cli->options.out;
    char path[4096];

    if (directory == NULL) {
        return EXIT_DONE;
    }
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        return complain(EXIT_STORAGE, "%s: %s", directory, strerror(errno));
    }
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, SECTIONS[i].file);
        planning->files[i] = fopen(path, "w");
        if (planning->files[i] == NULL) {
            return complain(EXIT_STORAGE, "%s: %s", path, strerror(errno));
        }
    }
    return EXIT_DONE;
}

static int close_files(struct planning *planning)
{
    int code = EXIT_DONE;

    for (size_t i = 0; i < SECTION_COUNT; i++) {
        FILE *file = planning->files[i];
        if (file != NULL && (ferror(file) != 0) + (fclose(file) != 0) > 0) {
            code = complain(EXIT_STORAGE, "cannot write %s", SECTIONS[i].file);
        }
        buffer_deinit(&planning->tables[i].cells);
    }
    return code;
}

static void apply_rows(struct planning *planning)
{
    struct offline *offline = &planning->offline;
    struct progress progress;

    progress_start(&progress, offline->cli, "plan", offline->row_count);
    for (size_t i = 0; i < offline->row_count; i++) {
        const struct offline_row *row = &offline->rows[i];
        offline_apply(offline, row->kind, &row->command, row->at_ms);
        progress_set(&progress, i + 1);
    }
    offline_settle(offline);
    progress_end(&progress);
}

static int decide(struct planning *planning)
{
    struct offline *offline = &planning->offline;
    char problem[160] = "";

    apply_rows(planning);
    if (offline->cli->options.prove != 0 && !plan_certify(offline->plan, problem)) {
        return complain(EXIT_BUG, "the plan is not the optimum: %s", problem);
    }
    const struct market *market = plan_market(offline->plan);
    const struct flow *flow = plan_flow(offline->plan);
    uint32_t need_count = market->need_ids.count;
    uint32_t offer_count = market->offer_ids.count;
    planning->prices = memory_take((size_t)offer_count + 1, sizeof *planning->prices);
    planning->taken = memory_take((size_t)offer_count + 1, sizeof *planning->taken);
    planning->served = memory_take((size_t)need_count + 1, sizeof *planning->served);
    planning->given = memory_take((size_t)need_count + 1, sizeof *planning->given);
    for (uint32_t i = 0; i < offer_count; i++) {
        bool is_active = market->offers[i].state == OFFER_ACTIVE;
        planning->prices[i] = is_active ? flow_price(flow, i) : 0; /* XX */
    }
    for (uint32_t i = 0; i < need_count; i++) {
        planning->served[i] = flow_sink_served(flow, i);
    }
    plan_round(offline->plan, offline->changed, offline->changed_count, &planning->round);
    return EXIT_DONE;
}

static void close_planning(struct planning *planning)
{
    plan_round_deinit(&planning->round);
    offline_close(&planning->offline);
    buffer_deinit(&planning->line);
    free(planning->prices);
    free(planning->taken);
    free(planning->served);
    free(planning->given);
}

int run_plan(struct cli *cli)
{
    struct planning planning = {0};
    uint64_t started_ms = clock_ms();
    int code = offline_open(&planning.offline, cli, false);

    if (code == EXIT_DONE) {
        code = open_files(&planning);
    }
    if (code == EXIT_DONE) {
        code = decide(&planning);
    }
    if (code == EXIT_DONE) {
        uint64_t elapsed_ms = clock_ms() - started_ms;
        emit_all(&planning);
        if (cli->is_json) {
            print_totals_json(&planning, elapsed_ms);
        } else {
            print_tables(&planning, elapsed_ms);
        }
    }
    int closed = close_files(&planning);
    code = code != EXIT_DONE ? code : closed;
    uint64_t refused = planning.offline.refused;
    close_planning(&planning);
    return code != EXIT_DONE ? code : refused > 0 ? EXIT_DATA : EXIT_DONE;
}
