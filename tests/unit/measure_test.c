/*
 * measure_test.c - the figures of the public framework's own example, which was solved by hand.
 *
 * Its four tables and 22 figures are read where the data lies (MAILLON_SHARED, or beside the
 * checkout); without them, the same example from here.
 */
#include "cli/measure.h"
#include "core/base/names.h"
#include "tests/harness.h"

#include <math.h>

#define HOUR_MS (DAY_MS / 24)
#define ROW_COUNT_MAX 64

struct example {
    struct names parties, products;
    struct measure_request requests[ROW_COUNT_MAX];
    struct measure_offer offers[ROW_COUNT_MAX];
    struct measure_decision decisions[ROW_COUNT_MAX];
    struct measure_tables tables;
    struct measures measures;
};

static void close_example(struct example *example)
{
    names_deinit(&example->parties);
    names_deinit(&example->products);
    measure_deinit(&example->measures);
}

static uint32_t number(struct names *names, const char *text)
{
    return names_add(names, bytes_from_text(text));
}

static uint64_t day_ms(int day)
{
    return (uint64_t)day * DAY_MS + 13 * HOUR_MS;
}

static void add_request(struct example *example, const char *requester, const char *product,
                        int64_t units)
{
    example->requests[example->tables.request_count++] = (struct measure_request){
        number(&example->parties, requester), number(&example->products, product), units};
}

static void add_offer(struct example *example, uint64_t at_ms, const char *offerer,
                      const char *product)
{
    example->offers[example->tables.offer_count++] = (struct measure_offer){
        number(&example->parties, offerer), number(&example->products, product), at_ms};
}

static void add_decision(struct example *example, uint64_t at_ms, const char *offerer,
                         const char *requester, const char *product, int64_t units, double miles)
{
    uint32_t offer = 0;

    while (example->offers[offer].offerer != number(&example->parties, offerer) ||
           example->offers[offer].product != number(&example->products, product)) {
        offer++;
        EXPECT_TRUE(offer < example->tables.offer_count);
    }
    example->decisions[example->tables.decision_count++] = (struct measure_decision){
        .at_ms = at_ms,
        .offer = offer,
        .requester = number(&example->parties, requester),
        .class_number = 3,
        .units = units,
        .miles = miles,
    };
}

static void finish(struct example *example)
{
    example->tables.requests = example->requests;
    example->tables.offers = example->offers;
    example->tables.decisions = example->decisions;
    example->tables.product_count = example->products.count;
    measure(&example->tables, &example->measures);
}

static void expect_near(double actual, double expected, const char *what)
{
    if (fabs(actual - expected) > 1e-9) {
        fprintf(stderr, "%s is %.12f, not %.12f\n", what, actual, expected);
        fail_case();
    }
}

static void requests_in_two_rows_count_once(void)
{
    struct example example = {0};

    add_request(&example, "R1", "masks", 60);
    add_request(&example, "R1", "masks", 40);
    add_request(&example, "R2", "masks", 100);
    add_request(&example, "R2", "nothing", 0);
    add_offer(&example, day_ms(1), "D1", "masks");
    add_decision(&example, day_ms(3), "D1", "R1", "masks", 50, 10);
    finish(&example);
    EXPECT_EQ(example.measures.pair_count, 2);
    expect_near(example.measures.fill_rate, 0.25, "fill_rate");
    expect_near(example.measures.fill_rate_nonzero, 0.5, "fill_rate_nonzero");
    expect_near(example.measures.fill_median, 0.25, "median");
    expect_near(example.measures.fill_gini, 0.5, "Gini");
    expect_near(example.measures.holding_days, 2, "holding_days");
    close_example(&example);
}

static void a_shipment_is_one_time_offerer_and_requester(void)
{
    struct example example = {0};

    add_request(&example, "R1", "masks", 60);
    add_request(&example, "R1", "gowns", 60);
    add_offer(&example, day_ms(1), "D1", "masks");
    add_offer(&example, day_ms(1), "D1", "gowns");
    add_decision(&example, day_ms(3), "D1", "R1", "masks", 5, 10);
    add_decision(&example, day_ms(3), "D1", "R1", "gowns", 5, 10);
    add_decision(&example, day_ms(4), "D1", "R1", "gowns", 5, 10);
    finish(&example);
    EXPECT_EQ(example.measures.shipments, 2);
    expect_near(example.measures.shipments_per_offerer, 2, "shipments_per_offerer");
    close_example(&example);
}

static void miles_are_those_of_the_sphere(void)
{
    expect_near(measure_miles(0, 0, 0, 0), 0, "nothing");
    expect_near(measure_miles(0, 0, 0, 180000000), 12436.937, "half way round");
    expect_near(measure_miles(90000000, 0, 0, 55000000), 6218.4685, "a quarter");
}

/* The published tables. */

struct table {
    char cells[ROW_COUNT_MAX][8][200];
    size_t row_count;
};

/* Cells of a line; quoted ones may hold commas. */
static void split(const char *line, char cells[8][200])
{
    size_t cell = 0;
    size_t size = 0;
    bool is_quoted = false;

    for (; *line != '\0' && *line != '\n' && *line != '\r'; line++) {
        if (*line == '"') {
            is_quoted = !is_quoted;
        } else if (*line == ',' && !is_quoted) {
            cells[cell++][size] = '\0';
            size = 0;
            EXPECT_TRUE(cell < 8);
        } else {
            EXPECT_TRUE(size < 199);
            cells[cell][size++] = *line;
        }
    }
    cells[cell][size] = '\0';
}

static bool read_table(const char *name, struct table *table)
{
    const char *shared = getenv("MAILLON_SHARED");
    const char *source = getenv("MAILLON_SOURCE");
    char path[1024];
    char line[1024];

    *table = (struct table){0};
    if (shared != NULL) {
        snprintf(path, sizeof path, "%s/data/getusppe/golden/%s", shared, name);
    } else {
        snprintf(path, sizeof path, "%s/../shared/data/getusppe/golden/%s",
                 source == NULL ? "." : source, name);
    }
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    EXPECT_TRUE(fgets(line, sizeof line, file) != NULL); /* The header. */
    while (fgets(line, sizeof line, file) != NULL) {
        EXPECT_TRUE(table->row_count < ROW_COUNT_MAX);
        split(line, table->cells[table->row_count++]);
    }
    fclose(file);
    return true;
}

/* "2020-04-10 13:08:00+00:00" or "2020-04-5 ...": all of one month, at one time of the day. */
static uint64_t time_of(const char *text)
{
    return day_ms(atoi(strrchr(text, '-') + 1));
}

static bool read_example(struct example *example)
{
    static struct table requests, offers, miles, decisions;

    if (!read_table("Table1.csv", &requests) || !read_table("Table2.csv", &offers) ||
        !read_table("Table3.csv", &miles) || !read_table("Table4.csv", &decisions)) {
        return false;
    }
    for (size_t i = 0; i < requests.row_count; i++) {
        add_request(example, requests.cells[i][1], requests.cells[i][3],
                    atoll(requests.cells[i][4]));
    }
    for (size_t i = 0; i < offers.row_count; i++) {
        add_offer(example, time_of(offers.cells[i][2]), offers.cells[i][1], offers.cells[i][3]);
    }
    for (size_t i = 0; i < decisions.row_count; i++) {
        char(*row)[200] = decisions.cells[i];
        size_t j = 0;
        while (strcmp(miles.cells[j][1], row[3]) != 0 || strcmp(miles.cells[j][2], row[2]) != 0) {
            j++;
            EXPECT_TRUE(j < miles.row_count);
        }
        add_decision(example, time_of(row[1]), row[2], row[3], row[4], atoll(row[5]),
                     atof(miles.cells[j][3]));
    }
    return true;
}

static double of_pair(struct example *example, const char *name)
{
    char requester[64];
    char product[64];
    const struct measures *measures = &example->measures;

    EXPECT_EQ(sscanf(name, "fill rate (%63[^,],%63[^)])", requester, product), 2);
    for (size_t i = 0; i < measures->pair_count; i++) {
        if (measures->pairs[i].requester == number(&example->parties, requester) &&
            measures->pairs[i].product == number(&example->products, product)) {
            return measures->pairs[i].fill;
        }
    }
    fail_case();
}

static double of_product(struct example *example, const char *name)
{
    char product[64];

    EXPECT_EQ(sscanf(strchr(name, '('), "(%63[^)])", product), 1);
    const struct measure_product *found =
        &example->measures.products[number(&example->products, product)];
    if (strncmp(name, "fill rate exc zeros", 19) == 0) {
        return found->fill_nonzero;
    }
    if (strncmp(name, "fill rate", 9) == 0) {
        return found->fill;
    }
    return strncmp(name, "avg unit-miles", 14) == 0 ? found->unit_miles : found->holding_days;
}

static double of_all(const struct measures *measures, const char *name)
{
    const struct {
        const char *name;
        double value;
    } figures[] = {
        {"fill rate", measures->fill_rate},
        {"fill rate exc zeros", measures->fill_rate_nonzero},
        {"avg unit-miles", measures->unit_miles},
        {"avg holding time", measures->holding_days},
        {"avg number of shipments", measures->shipments_per_offerer},
    };

    for (size_t i = 0; i < COUNT_OF(figures); i++) {
        if (strcmp(figures[i].name, name) == 0) {
            return figures[i].value;
        }
    }
    fail_case();
}

static void all_22_published_figures_come_out(void)
{
    static struct table metrics;
    static struct example example;
    size_t count = 0;

    if (!read_table("metrics.csv", &metrics) || !read_example(&example)) {
        skip_case("no ../shared/data/getusppe");
        return;
    }
    finish(&example);
    for (size_t i = 0; i < metrics.row_count; i++, count++) {
        const char *name = metrics.cells[i][1];
        bool is_pair = strchr(name, '(') != NULL && strchr(name, ',') != NULL;
        double value = is_pair                     ? of_pair(&example, name)
                       : strchr(name, '(') != NULL ? of_product(&example, name)
                                                   : of_all(&example.measures, name);
        expect_near(value, atof(metrics.cells[i][3]), name);
    }
    EXPECT_EQ(count, 22);
    close_example(&example);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(requests_in_two_rows_count_once),
        CASE(a_shipment_is_one_time_offerer_and_requester),
        CASE(miles_are_those_of_the_sphere),
        CASE(all_22_published_figures_come_out),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
