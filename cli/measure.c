/*
 * measure.c - sums over sorted tables.
 */
#include "cli/measure.h"

#include <math.h>
#include <stdlib.h>

#define RADIUS_MILES 3958.8
#define RADIANS (3.14159265358979323846 / 180e6) /* Of a micro-degree. */

double measure_miles(int32_t lat, int32_t lon, int32_t other_lat, int32_t other_lon)
{
    double first = lat * RADIANS;
    double second = other_lat * RADIANS;
    double up = sin((second - first) / 2);
    double along = sin((other_lon - (double)lon) * RADIANS / 2);
    double square = up * up + cos(first) * cos(second) * along * along;

    return round(2 * RADIUS_MILES * asin(fmin(1, sqrt(square))) * 1e4) / 1e4;
}

static double ratio(double part, double whole)
{
    return whole == 0 ? 0 : part / whole;
}

static int compare_pairs(const void *left, const void *right)
{
    const struct measure_pair *a = left;
    const struct measure_pair *b = right;

    if (a->product != b->product) {
        return a->product < b->product ? -1 : 1;
    }
    return (a->requester > b->requester) - (a->requester < b->requester);
}

/* One pair for all requests of a requester for a product; a request for nothing asks nothing. */
static void gather_pairs(const struct measure_tables *tables, struct measures *measures)
{
    struct measure_pair *pairs = memory_take(tables->request_count + 1, sizeof *pairs);
    size_t count = 0;
    size_t kept = 0;

    for (size_t i = 0; i < tables->request_count; i++) {
        const struct measure_request *request = &tables->requests[i];
        if (request->units > 0) {
            pairs[count++] = (struct measure_pair){
                .requester = request->requester,
                .product = request->product,
                .asked = request->units,
            };
        }
    }
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && compare_pairs(&pairs[kept - 1], &pairs[i]) == 0) {
            pairs[kept - 1].asked += pairs[i].asked;
        } else {
            pairs[kept++] = pairs[i];
        }
    }
    measures->pairs = pairs;
    measures->pair_count = kept;
}

static void sum_decisions(const struct measure_tables *tables, struct measures *measures)
{
    for (size_t i = 0; i < tables->decision_count; i++) {
        const struct measure_decision *decision = &tables->decisions[i];
        const struct measure_offer *offer = &tables->offers[decision->offer];
        struct measure_product *product = &measures->products[offer->product];
        double days = (double)(decision->at_ms - offer->at_ms) / DAY_MS;
        struct measure_pair key = {.requester = decision->requester, .product = offer->product};
        struct measure_pair *pair =
            bsearch(&key, measures->pairs, measures->pair_count, sizeof key, compare_pairs);
        ENSURE(pair != NULL);
        pair->received += decision->units;
        product->units += decision->units;
        product->unit_miles += (double)decision->units * decision->miles;
        product->holding_days += (double)decision->units * days;
        measures->class_units[decision->class_number] += decision->units;
        measures->unit_kilometres += (uint64_t)decision->units * decision->kilometres;
    }
}

static void sum_fills(struct measures *measures)
{
    for (size_t i = 0; i < measures->pair_count; i++) {
        struct measure_pair *pair = &measures->pairs[i];
        struct measure_product *product = &measures->products[pair->product];
        pair->fill = ratio((double)pair->received, (double)pair->asked);
        product->requesters++;
        product->served += pair->received > 0;
        product->fill += pair->fill;
    }
}

/* Sums become means; the fill rates are means over products. */
static void average_products(const struct measure_tables *tables, struct measures *measures)
{
    double asked_count = 0;
    double served_count = 0;

    for (uint32_t i = 0; i < tables->product_count; i++) {
        struct measure_product *product = &measures->products[i];
        measures->units += product->units;
        measures->unit_miles += product->unit_miles;
        measures->holding_days += product->holding_days;
        product->fill_nonzero = ratio(product->fill, (double)product->served);
        product->fill = ratio(product->fill, (double)product->requesters);
        product->unit_miles = ratio(product->unit_miles, (double)product->units);
        product->holding_days = ratio(product->holding_days, (double)product->units);
        measures->fill_rate += product->fill;
        measures->fill_rate_nonzero += product->fill_nonzero;
        asked_count += product->requesters > 0;
        served_count += product->served > 0;
    }
    measures->fill_rate = ratio(measures->fill_rate, asked_count);
    measures->fill_rate_nonzero = ratio(measures->fill_rate_nonzero, served_count);
    measures->unit_miles = ratio(measures->unit_miles, (double)measures->units);
    measures->holding_days = ratio(measures->holding_days, (double)measures->units);
}

struct shipment {
    uint64_t at_ms;
    uint32_t offerer, requester;
};

static int compare_shipments(const void *left, const void *right)
{
    const struct shipment *a = left;
    const struct shipment *b = right;

    if (a->offerer != b->offerer) {
        return a->offerer < b->offerer ? -1 : 1;
    }
    if (a->at_ms != b->at_ms) {
        return a->at_ms < b->at_ms ? -1 : 1;
    }
    return (a->requester > b->requester) - (a->requester < b->requester);
}

static void count_shipments(const struct measure_tables *tables, struct measures *measures)
{
    struct shipment *shipments = memory_take(tables->decision_count + 1, sizeof *shipments);
    uint64_t offerer_count = 0;

    for (size_t i = 0; i < tables->decision_count; i++) {
        const struct measure_decision *decision = &tables->decisions[i];
        shipments[i] = (struct shipment){
            .at_ms = decision->at_ms,
            .offerer = tables->offers[decision->offer].offerer,
            .requester = decision->requester,
        };
    }
    qsort(shipments, tables->decision_count, sizeof *shipments, compare_shipments);
    for (size_t i = 0; i < tables->decision_count; i++) {
        bool is_first = i == 0;
        measures->shipments += is_first || compare_shipments(&shipments[i - 1], &shipments[i]) != 0;
        offerer_count += is_first || shipments[i - 1].offerer != shipments[i].offerer;
    }
    measures->shipments_per_offerer = ratio((double)measures->shipments, (double)offerer_count);
    free(shipments);
}

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

static void spread_fills(struct measures *measures)
{
    size_t count = measures->pair_count;
    double sum = 0;
    double ranked = 0;

    if (count == 0) {
        return;
    }
    double *fills = memory_take(count, sizeof *fills);
    for (size_t i = 0; i < count; i++) {
        fills[i] = measures->pairs[i].fill;
    }
    qsort(fills, count, sizeof *fills, compare_doubles);
    for (size_t i = 0; i < count; i++) {
        sum += fills[i];
        ranked += (double)(i + 1) * fills[i];
    }
    double number = (double)count;
    measures->fill_mean = sum / number;
    measures->fill_median = (fills[(count - 1) / 2] + fills[count / 2]) / 2;
    measures->fill_least = fills[0];
    measures->fill_gini = sum == 0 ? 0 : 2 * ranked / (number * sum) - (number + 1) / number;
    free(fills);
}

void measure(const struct measure_tables *tables, struct measures *measures)
{
    *measures = (struct measures){
        .products = memory_take((size_t)tables->product_count + 1, sizeof *measures->products),
    };
    gather_pairs(tables, measures);
    sum_decisions(tables, measures);
    sum_fills(measures);
    average_products(tables, measures);
    count_shipments(tables, measures);
    spread_fills(measures);
}

void measure_deinit(struct measures *measures)
{
    free(measures->pairs);
    free(measures->products);
    *measures = (struct measures){0};
}
