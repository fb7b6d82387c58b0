/*
 * measure.h - how good decisions are, by the definitions of the public GetUsPPE framework
 * (samorani/MatchingPPE) and some more.
 *
 * The fill of a requester and a product is received / asked, over all its requests. The fill of a
 * product is the mean over its requesters; the fill rate is the mean over the products that anyone
 * asked for. "Nonzero" leaves out who received nothing, then products that nobody received. A
 * shipment is one time, offerer and requester, whatever the products. Figures for people: no
 * decision is made by them.
 */
#ifndef CLI_MEASURE_H
#define CLI_MEASURE_H

#include "core/base/memory.h"
#include "core/model/record.h"

struct measure_request {
    uint32_t requester, product;
    int64_t units;
};

struct measure_offer {
    uint32_t offerer, product;
    uint64_t at_ms;
};

struct measure_decision {
    uint64_t at_ms;
    uint32_t offer; /* Index among the offers. */
    uint32_t requester;
    uint8_t class_number;
    int64_t units;
    double miles;
    uint32_t kilometres;
};

struct measure_tables {
    const struct measure_request *requests;
    size_t request_count;
    const struct measure_offer *offers;
    size_t offer_count;
    const struct measure_decision *decisions;
    size_t decision_count;
    uint32_t product_count;
};

struct measure_pair { /* A requester and a product it asked for, by ascending (product, requester).
                       */
    uint32_t requester, product;
    int64_t asked, received;
    double fill;
};

struct measure_product {
    uint64_t requesters, served; /* Who asked, who received. */
    int64_t units;
    double fill, fill_nonzero;       /* 0 when nobody asked, or received. */
    double unit_miles, holding_days; /* Means over units. */
};

struct measures {
    struct measure_pair *pairs;
    size_t pair_count;
    struct measure_product *products; /* By number. */
    double fill_rate, fill_rate_nonzero;
    double unit_miles, holding_days; /* Means over units: miles, days from offer to decision. */
    double shipments_per_offerer;    /* Mean over those who shipped. */
    uint64_t shipments;
    int64_t units;
    int64_t class_units[CLASS_COUNT + 1];
    uint64_t unit_kilometres;
    double fill_mean, fill_median, fill_least, fill_gini; /* Over pairs. */
};

/* The caller owns what is in `*measures` (measure_deinit). */
void measure(const struct measure_tables *tables, struct measures *measures);
void measure_deinit(struct measures *measures);

/* Great-circle miles on a sphere of 3,958.8 miles between micro-degrees, by 4 decimals, as the
 * framework's distances stand. */
double measure_miles(int32_t lat, int32_t lon, int32_t other_lat, int32_t other_lon);

#endif
