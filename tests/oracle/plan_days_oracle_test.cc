/*
 * plan_days_oracle_test.cc - the same objective as LEMON's network simplex on the whole network of
 * needs and days, built from what was said and not from what the plan makes of it: lines and a
 * stock, lead days and transport, due and latest days, reports about days, days that pass.
 *
 *     plan_days_oracle_test [COUNT [SEED]]
 */
#include "tests/oracle/flow_solvers.hh"

extern "C" {
#include "core/plan/plan.h"
}

#include <cstring>
#include <string>

namespace
{

constexpr int32_t first_day = 18000;
constexpr int32_t day_count = 12;
constexpr uint32_t event_count = 24;

/* From the requester's place, found by match_test and plan_days_test. */
struct place {
    int64_t lat, lon;
    const char *region;
    uint32_t cost;
    int32_t days;
};
constexpr place places[] = {{44, 1, "NAQ", 80, 0}, {46, 1, "OCC", 436, 1}};

struct said_offer {
    bool is_stock;
    size_t place;
    int32_t lead, from, to;
    int64_t units[day_count]; /* Of each day; of a stock the first counts. */
};

struct said_need {
    int32_t due, latest; /* DAY_NONE for none. */
    uint8_t class_number;
    int64_t quantity;
};

struct town {
    struct plan *plan;
    int32_t today;
    uint64_t seq;
    std::vector<said_offer> offers;
    std::vector<said_need> needs;
};

void tell(town &town, uint16_t kind, const union command &command)
{
    plan_input input = {};

    input.kind = kind;
    input.command = &command;
    input.seq = ++town.seq;
    input.time_ms = town.seq;
    plan_apply(town.plan, &input);
}

bytes view(const std::string &text)
{
    return bytes_from_text(text.c_str());
}

void put_party(town &town, const char *id, int64_t lat, int64_t lon, const char *region)
{
    union command command = {};
    party_put &put = command.party_put;

    put.party = put.name = bytes_from_text(id);
    put.roles = ROLE_REQUESTER | ROLE_OFFERER;
    put.region = bytes_from_text(region);
    put.country = bytes_from_text("FR");
    put.lat = lat * 1000000;
    put.lon = lon * 1000000;
    tell(town, KIND_PARTY_PUT, command);
}

void put_product(town &town)
{
    union command command = {};
    product_put &put = command.product_put;

    put.product = put.family = put.name = put.unit = bytes_from_text("mask");
    put.lot = 1;
    tell(town, KIND_PRODUCT_PUT, command);
}

void pass_day(town &town, int32_t day)
{
    union command command = {};

    town.today = day;
    command.tick.now = static_cast<uint64_t>(day) * DAY_MS;
    tell(town, KIND_TICK, command);
}

/* `need` among those known, or the next. */
void put_need(town &town, size_t need)
{
    union command command = {};
    need_put &put = command.need_put;
    std::string id = "n" + std::to_string(need);
    said_need said = {DAY_NONE, DAY_NONE, 0, 0};

    said.class_number = static_cast<uint8_t>(1 + random_below(2));
    said.quantity = 1 + draw<int64_t>(40);
    if (random_below(4) != 0) {
        said.due = town.today + draw<int32_t>(6);
    }
    if (random_below(3) != 0) {
        int32_t least = said.due == DAY_NONE ? town.today : said.due;
        said.latest = least + draw<int32_t>(4);
    }
    put.need = view(id);
    put.party = bytes_from_text("asks");
    put.product = bytes_from_text("mask");
    put.quantity = static_cast<uint64_t>(said.quantity);
    put.class_number = said.class_number;
    put.due = said.due;
    put.latest = said.latest;
    put.at = TIME_NONE;
    tell(town, KIND_NEED_PUT, command);
    if (need == town.needs.size()) {
        town.needs.push_back(said);
    } else if (town.needs[need].latest == DAY_NONE || town.needs[need].latest >= town.today) {
        town.needs[need] = said;
    }
}

void put_offer(town &town)
{
    union command command = {};
    offer_put &put = command.offer_put;
    std::string id = "o" + std::to_string(town.offers.size());
    said_offer said = {};
    int64_t units = 1 + draw<int64_t>(12);

    said.is_stock = random_below(4) == 0;
    said.place = random_below(2);
    said.lead = draw<int32_t>(3);
    said.from = town.today + draw<int32_t>(3);
    said.to = said.from + draw<int32_t>(6);
    if (said.to >= first_day + day_count) {
        return;
    }
    for (int32_t day = said.from; day <= said.to; day++) {
        said.units[day - first_day] = units;
    }
    put.offer = view(id);
    put.party = bytes_from_text(said.place == 0 ? "near" : "far");
    put.product = bytes_from_text("mask");
    put.offer_kind = said.is_stock ? OFFER_STOCK : OFFER_CAPACITY;
    put.quantity = static_cast<uint64_t>(said.is_stock ? units : 0);
    put.per_day = static_cast<uint64_t>(said.is_stock ? 0 : units);
    put.from = said.from;
    put.to = said.is_stock ? static_cast<int64_t>(DAY_NONE) : said.to;
    put.lead_days = static_cast<uint64_t>(said.lead);
    put.at = TIME_NONE;
    tell(town, KIND_OFFER_PUT, command);
    town.offers.push_back(said);
}

void report_capacity(town &town)
{
    if (town.offers.empty()) {
        return;
    }
    size_t number = random_below(town.offers.size());
    said_offer &said = town.offers[number];
    union command command = {};
    capacity_put &put = command.capacity_put;
    std::string id = "o" + std::to_string(number);
    int32_t from = town.today + draw<int32_t>(4);
    int32_t to = from + draw<int32_t>(3);
    int64_t units = draw<int64_t>(15);

    if (said.is_stock || said.to < town.today) {
        return;
    }
    put.offer = view(id);
    put.from = from;
    put.to = to;
    put.per_day = static_cast<uint64_t>(units);
    put.source = SOURCE_DECLARED;
    put.at = TIME_NONE;
    tell(town, KIND_CAPACITY_PUT, command);
    for (int32_t day = std::max(from, said.from); day <= std::min(to, said.to); day++) {
        said.units[day - first_day] = units;
    }
}

/* Node 0 hands out all. A node for each offer and day, then one for each need. */

uint32_t day_node(size_t offer, int32_t day)
{
    return static_cast<uint32_t>(1 + offer * day_count + static_cast<size_t>(day - first_day));
}

void add_offer(const town &town, size_t number, network &built)
{
    const said_offer &offer = town.offers[number];

    if (offer.is_stock) {
        int32_t day = std::max(offer.from, town.today);
        built.arcs.push_back({0, day_node(number, day), offer.units[offer.from - first_day], 0, 0});
        return;
    }
    for (int32_t day = std::max(offer.from, town.today); day <= offer.to; day++) {
        built.arcs.push_back({0, day_node(number, day), offer.units[day - first_day], 0, 0});
        if (day < offer.to) {
            built.arcs.push_back(
                {day_node(number, day), day_node(number, day + 1), FLOW_UNITS_MAX, 0, 0});
        }
    }
}

void add_matches(const town &town, size_t number, const said_need &need, uint32_t node,
                 network &built)
{
    const said_offer &offer = town.offers[number];
    int32_t first = std::max(offer.from, town.today);

    for (int32_t day = first; day <= (offer.is_stock ? first : offer.to); day++) {
        int32_t arrival = day + offer.lead + places[offer.place].days;
        int64_t late = need.due == DAY_NONE ? 0 : std::max(0, arrival - need.due);
        if (need.latest == DAY_NONE || arrival <= need.latest) {
            built.arcs.push_back({day_node(number, day), node, FLOW_UNITS_MAX,
                                  places[offer.place].cost + 500 * late, 0});
        }
    }
}

void add_need(const town &town, size_t number, network &built)
{
    static const int64_t ends[] = {1, 4, 16, INT64_MAX};
    const said_need &need = town.needs[number];
    uint32_t node = static_cast<uint32_t>(1 + town.offers.size() * day_count + number);
    int64_t start = 0;

    if (need.latest != DAY_NONE && need.latest < town.today) {
        return;
    }
    for (int64_t tranche = 0; tranche < tranche_count && start < need.quantity; tranche++) {
        int64_t end = std::min(ends[tranche], need.quantity);
        int64_t level = (class_count - need.class_number) * tranche_count + tranche_count - tranche;
        built.arcs.push_back({0, node, end - start, 0, level * FLOW_WEIGHT_STEP});
        start = end;
    }
    built.supplies[0] += need.quantity;
    built.supplies[node] -= need.quantity;
    for (size_t offer = 0; offer < town.offers.size(); offer++) {
        add_matches(town, offer, need, node, built);
    }
}

network build(const town &town)
{
    network built;

    built.supplies.resize(1 + town.offers.size() * day_count + town.needs.size());
    for (size_t i = 0; i < town.offers.size(); i++) {
        add_offer(town, i, built);
    }
    for (size_t i = 0; i < town.needs.size(); i++) {
        add_need(town, i, built);
    }
    return built;
}

void forget_assignment(void *, const assignment_event *)
{
}

void forget_answer(void *, const answer_event *)
{
}

void change(town &town)
{
    switch (random_below(8)) {
    case 0:
    case 1:
        put_offer(town);
        return;
    case 2:
        report_capacity(town);
        return;
    case 3:
        if (town.today + 1 < first_day + day_count) {
            pass_day(town, town.today + 1);
        }
        return;
    case 4:
        put_need(town, random_below(town.needs.size() + 1));
        return;
    default:
        put_need(town, town.needs.size());
    }
}

bool is_equal(const town &town)
{
    objective ours = {};
    objective theirs = solve_with_lemon(build(town));
    char problem[160] = "";

    flow_objective(plan_flow(town.plan), &ours);
    if (!plan_certify(town.plan, problem)) {
        std::fprintf(stderr, "%s\n", problem);
        return false;
    }
    return ours.cost == theirs.cost &&
           std::memcmp(ours.unserved, theirs.unserved, sizeof ours.unserved) == 0;
}

bool run(uint64_t seed, uint64_t *late)
{
    const plan_listener listener = {nullptr, forget_assignment, forget_answer};
    plan_options options = plan_options_default();
    struct town town = {};
    bool is_good = true;

    random_state = seed;
    options.stability_bonus = 0; /* The model knows no past. */
    options.rules.kept_max = 1 + static_cast<uint32_t>(random_below(4));
    plan_open(&options, &town.plan);
    put_party(town, "asks", 44, 0, "NAQ");
    put_party(town, "near", places[0].lat, places[0].lon, places[0].region);
    put_party(town, "far", places[1].lat, places[1].lon, places[1].region);
    put_product(town);
    pass_day(town, first_day);
    for (uint32_t event = 0; is_good && event < event_count; event++) {
        change(town);
        plan_settle(town.plan, &listener);
        is_good = is_equal(town);
        if (!is_good) {
            std::fprintf(stderr, "seed %llu, event %u\n", static_cast<unsigned long long>(seed),
                         event);
        }
    }
    for (uint64_t i = 1; i <= plan_assignment_count(town.plan); i++) {
        *late += plan_assignment(town.plan, i)->cost >= 500;
    }
    plan_close(town.plan);
    return is_good;
}

} // namespace

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1000;
    uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
    uint64_t late = 0;

    for (uint64_t i = 0; i < count; i++) {
        if (!run(seed + i, &late)) {
            return EXIT_FAILURE;
        }
    }
    std::printf("%llu histories of %u events are as LEMON has them, %llu assignments late\n",
                static_cast<unsigned long long>(count), event_count,
                static_cast<unsigned long long>(late));
    return late > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
