/*
 * market.c - one of each, with what is optional given and not given.
 */
#include "tests/fuzz/market.h"

#include "tests/unit/command_fixture.h"

#define TODAY 18353

static struct market_command commands[MARKET_COMMAND_COUNT_MAX];
static size_t command_count;

static void add(uint16_t kind, union command command)
{
    ENSURE(command_count < MARKET_COMMAND_COUNT_MAX);
    commands[command_count++] = (struct market_command){kind, command};
}

static void add_parties(void)
{
    union command party = make_party("hospital");
    add(KIND_PARTY_PUT, party);
    party = make_party("workshop");
    party.party_put.name = bytes_from_text("Workshop");
    party.party_put.departement = bytes_from_text("31");
    party.party_put.region = bytes_from_text("OCC");
    party.party_put.lat = 43604700;
    party.party_put.lon = 1444200;
    add(KIND_PARTY_PUT, party);
    party.party_put.party = bytes_from_text("mill");
    party.party_put.region = bytes_from_text("NAQ");
    party.party_put.lat = 44837700;
    add(KIND_PARTY_PUT, party);
}

static void add_needs(void)
{
    add(KIND_NEED_PUT, make_need("n0", "hospital", "mask", 40));
    union command need = make_need("n1", "hospital", "gown", 7);
    need.need_put.class_number = 4;
    need.need_put.due = TODAY + 2;
    need.need_put.latest = TODAY + 30;
    add(KIND_NEED_PUT, need);
    add(KIND_NEED_PUT, make_need("n2", "mill", "mask", 100));
    add(KIND_NEED_CANCEL, make_id_command("n2"));
    add(KIND_NEED_PUT, make_need("n3", "mill", "mask", 60));
}

static void add_offers(void)
{
    add(KIND_OFFER_PUT, make_stock("o0", "workshop", "mask", 50));
    union command offer = make_stock("o1", "workshop", "gown", 0);
    offer.offer_put.offer_kind = OFFER_CAPACITY;
    offer.offer_put.per_day = 10;
    offer.offer_put.from = TODAY + 1;
    offer.offer_put.to = TODAY + 9;
    offer.offer_put.lead_days = 2;
    add(KIND_OFFER_PUT, offer);
    union command report = make_capacity("o1", 4);
    report.capacity_put.from = TODAY + 3;
    report.capacity_put.to = TODAY + 5;
    report.capacity_put.source = SOURCE_ADAPTER;
    report.capacity_put.number = 9;
    add(KIND_CAPACITY_PUT, report);
    add(KIND_OFFER_PUT, make_stock("o2", "mill", "mask", 30));
}

const struct market_command *market_commands(size_t *count)
{
    if (command_count == 0) {
        add(KIND_TICK, (union command){.tick = {.now = (uint64_t)TODAY * DAY_MS}});
        add_parties();
        add(KIND_PRODUCT_PUT, make_product("mask", 20));
        add(KIND_PRODUCT_PUT, make_product("gown", 1));
        add_needs();
        add_offers();
    }
    *count = command_count;
    return commands;
}

void market_fill(struct market *market)
{
    struct market_change change;
    size_t count = 0;
    const struct market_command *all = market_commands(&count);

    for (size_t i = 0; i < count; i++) {
        market_apply(market, all[i].kind, &all[i].command, false, &change);
        ENSURE(change.outcome != OUTCOME_UNKNOWN);
    }
}

void market_words(const struct fuzz_sink *sink)
{
    static const uint64_t numbers[] = {0,
                                       1,
                                       TODAY,
                                       DAY_MAX,
                                       (uint32_t)DAY_NONE,
                                       UINT32_MAX,
                                       QUANTITY_MAX,
                                       QUANTITY_MAX + 1,
                                       INT64_MAX,
                                       UINT64_MAX};
    uint8_t word[8];

    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        store_u64(word, numbers[i]);
        sink->give(sink->context, (struct bytes){word, 8});
        sink->give(sink->context, (struct bytes){word, 4});
    }
}
