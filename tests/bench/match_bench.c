/*
 * match_bench.c - what a new need costs against 100,000 offers of its product.
 *
 * One line of JSON for each arrangement of places: mean microseconds of match_candidates,
 * nanoseconds of match_check and of place_distance, bytes a need costs all in.
 */
#include "core/match/distance.h"
#include "core/match/match.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define OFFER_COUNT 100000u
#define NEED_COUNT 10000u
#define SEARCH_COUNT 2000u
#define CHECK_COUNT 2000000u
#define MEMORY_NEED_COUNT 1000000u
#define TOWN_COUNT 40u
#define DAY_ONE 18353

enum world { WORLD_FRANCE, WORLD_TOWNS, WORLD_LATE, WORLD_GLOBE, WORLD_RULES, WORLD_COUNT };
static const char *const world_names[] = {"france", "towns", "all late", "globe", "rules"};

static uint64_t state;

static uint64_t random_below(uint64_t limit)
{
    state += 0x9e3779b97f4a7c15u;
    return hash_u64(state) % limit;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void apply(struct market *market, uint16_t kind, union command command)
{
    struct market_change change;

    market_apply(market, kind, &command, false, &change);
}

static struct bytes numbered(char text[32], const char *stem, uint64_t number)
{
    snprintf(text, 32, "%s%" PRIu64, stem, number);
    return bytes_from_text(text);
}

/* Thirteen regions in stripes of longitude, as uneven as need be. */
static void put_party(struct market *market, uint64_t number, enum world world)
{
    char id[32];
    char region[32];
    int64_t lat = 43000000 + (int64_t)random_below(8000000);
    int64_t lon = -4000000 + (int64_t)random_below(11000000);

    if (world == WORLD_TOWNS) {
        uint64_t town = random_below(TOWN_COUNT);
        lat = 43000000 + (int64_t)(hash_u64(town) % 8000000);
        lon = -4000000 + (int64_t)(hash_u64(town + 1000) % 11000000);
    }
    if (world == WORLD_GLOBE) {
        lat = (int64_t)random_below(180000000) - 90000000;
        lon = (int64_t)random_below(360000000) - 180000000;
    }
    uint64_t stripe = (uint64_t)(lon + 180000000) / 1000000 % 13;
    apply(market, KIND_PARTY_PUT,
          (union command){.party_put = {.party = numbered(id, "party-", number),
                                        .roles = ROLE_OFFERER,
                                        .region = numbered(region, "region-", stripe),
                                        .country = bytes_from_text("FR"),
                                        .lat = lat,
                                        .lon = lon}});
}

static void put_offer(struct market *market, uint64_t number, enum world world)
{
    const char *product = world == WORLD_RULES && number % 2 == 0 ? "gown" : "mask";
    char id[32];
    char party[32];

    apply(
        market, KIND_OFFER_PUT,
        (union command){.offer_put = {.offer = numbered(id, "offer-", number),
                                      .party = numbered(party, "party-", number),
                                      .product = bytes_from_text(product),
                                      .offer_kind = OFFER_STOCK,
                                      .quantity = random_below(1000),
                                      .lead_days = (world == WORLD_LATE ? 1 : 0) + random_below(10),
                                      .from = DAY_ONE + (int64_t)random_below(10),
                                      .to = DAY_NONE}});
}

static void put_need(struct market *market, uint64_t number, uint64_t parties, enum world world)
{
    char id[32];
    char party[32];
    int64_t due = world == WORLD_LATE ? DAY_ONE : DAY_ONE + (int64_t)random_below(20);

    apply(market, KIND_NEED_PUT,
          (union command){.need_put = {.need = numbered(id, "need-0000", number),
                                       .party = numbered(party, "party-", random_below(parties)),
                                       .product = bytes_from_text("mask"),
                                       .quantity = 1 + random_below(500),
                                       .class_number = 1,
                                       .due = due,
                                       .latest = due + 30}});
}

static struct market *open_market(void)
{
    struct market *market;

    market_open(&market);
    apply(market, KIND_PRODUCT_PUT,
          (union command){.product_put = {.product = bytes_from_text("mask"), .lot = 20}});
    apply(market, KIND_TICK, (union command){.tick = {.now = (uint64_t)DAY_ONE * DAY_MS}});
    return market;
}

/* Half of the offers are of a substitute, and of the others one in ten is certified. */
static void put_rules(struct market *market)
{
    char id[32];
    char party[32];

    apply(market, KIND_PRODUCT_PUT,
          (union command){.product_put = {.product = bytes_from_text("gown"), .lot = 20}});
    apply(market, KIND_SUBSTITUTE_PUT,
          (union command){.substitute_put = {.substitute = bytes_from_text("s"),
                                             .product = bytes_from_text("mask"),
                                             .given = bytes_from_text("gown"),
                                             .rank = 1,
                                             .from = DAY_NONE,
                                             .to = DAY_NONE}});
    apply(market, KIND_NORM_PUT,
          (union command){.norm_put = {.norm = bytes_from_text("n"),
                                       .product = bytes_from_text("mask"),
                                       .code = bytes_from_text("EN 14683"),
                                       .class_number = CLASS_COUNT,
                                       .from = DAY_NONE,
                                       .to = DAY_NONE}});
    for (uint64_t i = 1; i < OFFER_COUNT; i += 10) {
        apply(market, KIND_CERTIFICATE_PUT,
              (union command){.certificate_put = {.certificate = numbered(id, "c-", i),
                                                  .party = numbered(party, "party-", i),
                                                  .product = bytes_from_text("mask"),
                                                  .code = bytes_from_text("EN 14683"),
                                                  .state = CERTIFICATE_VALID,
                                                  .from = DAY_ONE - 100,
                                                  .to = DAY_ONE + 100}});
    }
}

static double measure_candidates(const struct market *market, uint64_t *worst_ns)
{
    struct match_rules rules = match_rules_default();
    struct candidate candidates[32];
    uint64_t spent = 0;
    uint32_t bound = 0;

    *worst_ns = 0;
    for (uint32_t i = 0; i < SEARCH_COUNT; i++) {
        uint64_t start = now_ns();
        (void)match_candidates(market, &rules, (uint32_t)random_below(NEED_COUNT), candidates,
                               &bound);
        uint64_t taken = now_ns() - start;
        spent += taken;
        *worst_ns = max_u64(*worst_ns, taken);
    }
    return (double)spent / SEARCH_COUNT / 1e3;
}

static double measure_check(const struct market *market, uint64_t *sum)
{
    struct match_rules rules = match_rules_default();
    uint64_t start = now_ns();

    for (uint32_t i = 0; i < CHECK_COUNT; i++) {
        *sum += match_check(market, &rules, i % 1000, i * 7 % 1000).cost;
    }
    return (double)(now_ns() - start) / CHECK_COUNT;
}

static double measure_distance(const struct market *market, uint64_t *sum)
{
    uint64_t start = now_ns();

    for (uint32_t i = 0; i < CHECK_COUNT; i++) {
        *sum +=
            place_distance(&market->parties[i % 1000].place, &market->parties[i * 7 % 1000].place);
    }
    return (double)(now_ns() - start) / CHECK_COUNT;
}

static void run_world(enum world world)
{
    struct market *market = open_market();
    uint64_t worst_ns = 0;
    uint64_t sum = 0;

    for (uint64_t i = 0; i < OFFER_COUNT; i++) {
        put_party(market, i, world);
    }
    if (world == WORLD_RULES) {
        put_rules(market);
    }
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < OFFER_COUNT; i++) {
        put_offer(market, i, world);
    }
    double put_ns = (double)(now_ns() - start) / OFFER_COUNT;
    for (uint64_t i = 0; i < NEED_COUNT; i++) {
        put_need(market, i, OFFER_COUNT, world);
    }
    double candidates_us = measure_candidates(market, &worst_ns);
    double check_ns = measure_check(market, &sum);
    double distance_ns = measure_distance(market, &sum);
    printf("{\"bench\":\"match\",\"world\":\"%s\",\"offers\":%u,\"candidates_us\":%.1f,"
           "\"candidates_worst_us\":%.1f,\"check_ns\":%.1f,\"distance_ns\":%.1f,"
           "\"put_offer_ns\":%.0f,\"sum\":%" PRIu64 "}\n",
           world_names[world], OFFER_COUNT, candidates_us, (double)worst_ns / 1e3, check_ns,
           distance_ns, put_ns, sum);
    market_close(market);
}

static void run_memory(void)
{
    struct market *market = open_market();

    put_party(market, 0, WORLD_FRANCE);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < MEMORY_NEED_COUNT; i++) {
        put_need(market, i, 1, WORLD_FRANCE);
    }
    double put_ns = (double)(now_ns() - start) / MEMORY_NEED_COUNT;
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    printf("{\"bench\":\"match memory\",\"needs\":%u,\"bytes_per_need\":%.0f,"
           "\"put_need_ns\":%.0f}\n",
           MEMORY_NEED_COUNT, (double)(after - before) / MEMORY_NEED_COUNT, put_ns);
    market_close(market);
}

int main(void)
{
    for (int world = WORLD_FRANCE; world < WORLD_COUNT; world++) {
        state = 2020;
        run_world((enum world)world);
    }
    run_memory();
    return EXIT_SUCCESS;
}
