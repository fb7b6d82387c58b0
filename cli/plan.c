/*
 * plan.c - the whole decision on a scenario, without a daemon: all rows at once, one settle.
 *
 * Prices are those of the optimum (core/plan/explain.h); assignments keep to lots. Rows go out
 * three ways: JSON lines, CSV files with --out, and short tables for people.
 */
#include "cli/offline.h"
#include "core/plan/explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SHOWN_COUNT_MAX 20

enum section { SECTION_ASSIGNMENTS, SECTION_UNMET, SECTION_PRICES, SECTION_COUNT };

static const struct {
    const char *type, *file, *title;
} SECTIONS[SECTION_COUNT] = {
    {"assignment", "assignments.csv", "Assignments"},
    {"unmet", "unmet.csv", "Unmet needs"},
    {"price", "prices.csv", "Scarce days of offers"},
};

struct cell {
    const char *name;
    struct bytes text; /* Without data: `number` counts. */
    uint64_t number;
    bool is_negative; /* The number stands for its opposite. */
};

struct scarcity { /* Days of an offer on which one unit more would do the same, at the optimum. */
    struct plan_slot days; /* Their first and last, capacities and units together. */
    struct explain_price price;
};

struct planning {
    struct offline offline;
    struct scarcity *scarcities;
    size_t scarcity_capacity, scarcity_count;
    struct explain_verdict *verdicts; /* Of needs: why they miss units, */
    int64_t *given;                   /* and those that they get. */
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

static struct cell change_cell(const char *name, int64_t change)
{
    bool is_negative = change < 0;

    return (struct cell){.name = name,
                         .number = (uint64_t)(is_negative ? -change : change),
                         .is_negative = is_negative};
}

static bool is_number(const struct cell *cell)
{
    return cell->text.data == NULL;
}

static struct bytes content_of(const struct cell *cell, char room[DECIMAL_SIZE])
{
    return is_number(cell) ? decimal(cell->number, cell->is_negative, room) : cell->text;
}

static void write_cell(FILE *file, const struct cell *cell)
{
    char room[DECIMAL_SIZE];
    struct bytes content = content_of(cell, room);
    bool is_quoted = false;

    for (size_t i = 0; i < content.size; i++) {
        is_quoted = is_quoted || strchr(",\"\r\n", content.data[i]) != NULL;
    }
    fputs(is_quoted ? "\"" : "", file);
    for (size_t i = 0; i < content.size; i++) {
        fputs(content.data[i] == '"' ? "\"" : "", file);
        fputc(content.data[i], file);
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
    char room[DECIMAL_SIZE];

    line->size = 0;
    json_open(line);
    json_text(line, "t", bytes_from_text(type));
    for (size_t i = 0; i < count; i++) {
        if (is_number(&cells[i])) {
            json_raw(line, cells[i].name, content_of(&cells[i], room));
        } else {
            json_text(line, cells[i].name, cells[i].text);
        }
    }
    json_close(line);
    buffer_append_text(line, "\n");
    fwrite(line->data, 1, line->size, stdout);
}

static void add_to_table(struct table *table, const struct cell *cells, size_t count)
{
    char room[DECIMAL_SIZE];

    table->column_count = count;
    for (size_t i = 0; table->cell_count < count; i++) {
        table_cell(table, "%s", cells[i].name);
    }
    for (size_t i = 0; i < count; i++) {
        table_cell(table, "%.*s", BYTES_ARGS(content_of(&cells[i], room)));
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

/* Of a stock, which has no day, the text is empty. */
static struct cell day_cell(const char *name, int32_t day, char text[DAY_TEXT_SIZE + 1])
{
    text[0] = '\0';
    if (day != DAY_NONE) {
        day_to_text(day, text);
    }
    return text_cell(name, bytes_from_text(text));
}

static void emit_assignment(struct planning *planning, const struct plan_decision *decision)
{
    const struct market *market = plan_market(planning->offline.plan);
    const struct need *need = &market->needs[decision->need];
    const struct offer *offer = &market->offers[decision->offer];
    char day[DAY_TEXT_SIZE + 1];
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
        day_cell("day", decision->day, day),
    };
    uint64_t units = (uint64_t)decision->units;

    planning->given[decision->need] += decision->units;
    planning->units = add_capped(planning->units, units);
    planning->class_units[need->class_number] += units;
    planning->cost = add_capped(planning->cost, multiply_capped(units, decision->cost));
    planning->unit_kilometres =
        add_capped(planning->unit_kilometres, multiply_capped(units, decision->kilometres));
    emit(planning, SECTION_ASSIGNMENTS, cells, COUNT_OF(cells));
}

static struct bytes id_or_nothing(const struct names *ids, uint32_t number)
{
    return number == NAME_NONE ? bytes_from_text("") : names_text(ids, number);
}

/* The state it is in, when that is the reason. */
static const char *reason_of(const struct explain_verdict *verdict, const struct need *need)
{
    return verdict->cause == EXPLAIN_NOT_OPEN ? need_state_name((enum need_state)need->state)
                                              : explain_cause_name(verdict->cause);
}

static void emit_unmet(struct planning *planning, uint32_t number)
{
    const struct market *market = plan_market(planning->offline.plan);
    const struct need *need = &market->needs[number];
    uint64_t unmet = need->quantity - (uint64_t)planning->given[number];

    if (unmet == 0) {
        return;
    }
    struct explain_verdict verdict = planning->verdicts[number];
    bool is_displacing = verdict.offer != NAME_NONE;
    const struct explain_effect *effect = &verdict.effect;
    const char *why =
        verdict.cause == EXPLAIN_NOT_POSSIBLE ? explain_rule_name(verdict.reason) : "";
    const struct cell cells[] = {
        text_cell("need", names_text(&market->need_ids, number)),
        text_cell("product", names_text(&market->product_ids, need->product)),
        text_cell("requester", names_text(&market->party_ids, need->party)),
        number_cell("class", need->class_number),
        number_cell("quantity", need->quantity),
        number_cell("unmet", unmet),
        text_cell("reason", bytes_from_text(reason_of(&verdict, need))),
        text_cell("why", bytes_from_text(why)),
        text_cell("offer", id_or_nothing(&market->offer_ids, verdict.offer)),
        text_cell("displaces",
                  id_or_nothing(&market->need_ids, is_displacing ? effect->need : NAME_NONE)),
        number_cell("displaced_class", effect->rank.class_number),
        number_cell("displaced_tranche", effect->rank.tranche),
    };
    planning->unmet = add_capped(planning->unmet, unmet);
    emit(planning, SECTION_UNMET, cells, COUNT_OF(cells));
}

/* What one unit more of the offer would do, made on these days. */
static void emit_price(struct planning *planning, const struct scarcity *scarcity)
{
    const struct market *market = plan_market(planning->offline.plan);
    const struct explain_effect *effect = &scarcity->price.effect;
    const struct offer *offer = &market->offers[scarcity->price.slot.offer];
    char first[DAY_TEXT_SIZE + 1], last[DAY_TEXT_SIZE + 1];
    const struct cell cells[] = {
        text_cell("offer", names_text(&market->offer_ids, scarcity->price.slot.offer)),
        text_cell("product", names_text(&market->product_ids, offer->product)),
        text_cell("offerer", names_text(&market->party_ids, offer->party)),
        day_cell("from", scarcity->days.first, first),
        day_cell("to", scarcity->days.last, last),
        number_cell("capacity", (uint64_t)scarcity->days.capacity),
        text_cell("serves", id_or_nothing(&market->need_ids, effect->need)),
        number_cell("class", effect->rank.class_number),
        number_cell("tranche", effect->rank.tranche),
        change_cell("cost", effect->cost),
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
    for (size_t i = 0; i < planning->scarcity_count; i++) {
        emit_price(planning, &planning->scarcities[i]);
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
    json_uint(line, "scarce", planning->counts[SECTION_PRICES]);
    json_uint(line, "fragments", plan_lot_work(offline->plan).fragments);
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

/* Days in a row on which a unit would do the same are one row. */
static void add_scarcity(struct planning *planning, const struct plan_slot *days,
                         const struct explain_price *price)
{
    struct scarcity *last = planning->scarcities + planning->scarcity_count - 1;

    if (planning->scarcity_count > 0 && last->price.slot.offer == price->slot.offer &&
        last->days.last + 1 == days->first && last->price.effect.need == price->effect.need &&
        last->price.effect.rank.tranche == price->effect.rank.tranche &&
        last->price.effect.cost == price->effect.cost) {
        last->days.last = days->last;
        last->days.capacity += days->capacity;
        return;
    }
    GROW(planning->scarcities, planning->scarcity_capacity, planning->scarcity_count + 1);
    planning->scarcities[planning->scarcity_count++] =
        (struct scarcity){.days = *days, .price = *price};
}

static void explain_prices(struct planning *planning)
{
    const struct plan *plan = planning->offline.plan;
    uint32_t count = plan_market(planning->offline.plan)->offer_ids.count;
    struct ripples *added = explain_added(plan);

    for (uint32_t offer = 0; offer < count; offer++) {
        uint32_t places = plan_slot_count(plan, offer);
        for (uint32_t place = 0; place < places; place++) {
            struct plan_slot days = plan_slot(plan, offer, place);
            struct explain_price price;
            if (explain_price(plan, added, offer, place, &price)) {
                add_scarcity(planning, &days, &price);
            }
        }
    }
    ripples_close(added);
}

static void explain_needs(struct planning *planning)
{
    struct offline *offline = &planning->offline;
    uint32_t count = plan_market(offline->plan)->need_ids.count;
    struct ripples *taken = explain_taken(offline->plan);
    struct progress progress;

    planning->verdicts = memory_take((size_t)count + 1, sizeof *planning->verdicts);
    progress_start(&progress, offline->cli, "explain", count);
    for (uint32_t i = 0; i < count; i++) {
        planning->verdicts[i] = explain_verdict(offline->plan, taken, i);
        progress_set(&progress, i + 1);
    }
    progress_end(&progress);
    ripples_close(taken);
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
    uint32_t need_count = market->need_ids.count;
    planning->given = memory_take((size_t)need_count + 1, sizeof *planning->given);
    explain_prices(planning);
    explain_needs(planning);
    plan_round(offline->plan, offline->changed, offline->changed_count, &planning->round);
    return EXIT_DONE;
}

static void close_planning(struct planning *planning)
{
    plan_round_deinit(&planning->round);
    offline_close(&planning->offline);
    buffer_deinit(&planning->line);
    free(planning->scarcities);
    free(planning->verdicts);
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
