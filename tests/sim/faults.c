#include "tests/sim/faults.h"

#define SECOND_US 1000000u
#define HALVINGS 8 /* Between the highest chance of a class and the lowest. */

const char *const FAULT_NAMES[FAULT_COUNT] = {
    [FAULT_LOSS] = "loss",
    [FAULT_DUPLICATE] = "duplicate",
    [FAULT_DELAY] = "delay",
    [FAULT_REORDER] = "reorder",
    [FAULT_GARBLE] = "garble",
    [FAULT_PARTITION] = "partition",
    [FAULT_BREAK] = "break",
    [FAULT_CRASH] = "crash",
    [FAULT_CRASH_BEFORE] = "crash_before_append",
    [FAULT_CRASH_INSIDE] = "crash_inside_commit",
    [FAULT_CRASH_AFTER] = "crash_after_commit",
    [FAULT_CRASH_RECOVERY] = "crash_in_recovery",
    [FAULT_AMBIGUOUS] = "ambiguous_commit",
    [FAULT_FULL] = "full_disk",
    [FAULT_LOW] = "low_disk",
    [FAULT_FLIP] = "flipped_bit",
    [FAULT_TAIL] = "lost_tail",
    [FAULT_PAUSE] = "pause",
    [FAULT_CLOCK] = "clock",
    [FAULT_SLOW_DISK] = "slow_disk",
    [FAULT_SLOW_CLIENT] = "slow_client",
    [FAULT_CLIENT_CRASH] = "client_crash",
    [FAULT_CURSOR] = "cursor",
    [FAULT_SAME_ID] = "same_id",
    [FAULT_STOP] = "stop",
    [FAULT_RULES] = "rules",
    [FAULT_TWIN] = "twin_gateway",
    [FAULT_VERSION] = "version",
};

/* The highest chance each time, and the mean time between two that come by themselves. */
static const struct {
    uint32_t per_million, mean_us;
} RANGES[FAULT_COUNT] = {
    [FAULT_LOSS] = {300000, 0},
    [FAULT_DUPLICATE] = {300000, 0},
    [FAULT_DELAY] = {100000, 0},
    [FAULT_REORDER] = {200000, 0},
    [FAULT_GARBLE] = {50000, 0},
    [FAULT_PARTITION] = {0, 8 * SECOND_US},
    [FAULT_BREAK] = {0, 3 * SECOND_US},
    [FAULT_CRASH] = {0, 4 * SECOND_US},
    [FAULT_CRASH_BEFORE] = {8000, 0},
    [FAULT_CRASH_INSIDE] = {8000, 0},
    [FAULT_CRASH_AFTER] = {8000, 0},
    [FAULT_CRASH_RECOVERY] = {300000, 0},
    [FAULT_AMBIGUOUS] = {8000, 0},
    [FAULT_FULL] = {4000, 0},
    [FAULT_LOW] = {0, 10 * SECOND_US},
    [FAULT_FLIP] = {0, 8 * SECOND_US},
    [FAULT_TAIL] = {0, 10 * SECOND_US},
    [FAULT_PAUSE] = {0, 6 * SECOND_US},
    [FAULT_CLOCK] = {0, 4 * SECOND_US},
    [FAULT_SLOW_DISK] = {50000, 0},
    [FAULT_SLOW_CLIENT] = {0, 4 * SECOND_US},
    [FAULT_CLIENT_CRASH] = {0, 5 * SECOND_US},
    [FAULT_CURSOR] = {300000, 0},
    [FAULT_SAME_ID] = {100000, 0},
    [FAULT_STOP] = {0, 8 * SECOND_US},
    [FAULT_RULES] = {300000, 0},
    [FAULT_TWIN] = {0, 6 * SECOND_US},
    [FAULT_VERSION] = {300000, 0},
};

struct scenario scenario_of(uint64_t seed)
{
    return (struct scenario){
        .seed = seed,
        .fault_mask = UINT64_MAX,
        .strikes_max = UINT64_MAX,
        .client_max = UINT32_MAX,
        .command_max = UINT32_MAX,
    };
}

void faults_init(struct faults *faults, const struct scenario *scenario)
{
    struct draw draw = draw_of(scenario->seed, 1000);
    bool is_quiet = draw_below(&draw, 16) == 0; /* Now and then nothing goes wrong at all. */
    bool has_lost_tails = false;

    *faults = (struct faults){.scenario = scenario};
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        bool is_drawn = draw_below(&draw, 2) == 0 && !is_quiet;
        /* Who has lost a tail may take in another one, or write it in another version. */
        has_lost_tails = has_lost_tails || (is_drawn && i == FAULT_TAIL);
        is_drawn = is_drawn && !(has_lost_tails && (i == FAULT_TWIN || i == FAULT_VERSION));
        faults->is_on[i] = is_drawn && (scenario->fault_mask >> i & 1) != 0;
        faults->per_million[i] = RANGES[i].per_million >> draw_below(&draw, HALVINGS);
        faults->interval_us[i] = (uint64_t)RANGES[i].mean_us * draw_between(&draw, 1, 8) / 4;
        faults->draws[i] = draw_of(scenario->seed, 2000 + i);
    }
}

static bool is_left_out(struct faults *faults, uint64_t strike)
{
    const struct scenario *scenario = faults->scenario;

    while (faults->left_out_next < scenario->left_out_count &&
           scenario->left_out[faults->left_out_next] < strike) {
        faults->left_out_next++;
    }
    return strike >= scenario->strikes_max || (faults->left_out_next < scenario->left_out_count &&
                                               scenario->left_out[faults->left_out_next] == strike);
}

bool fault_comes(struct faults *faults, enum fault fault)
{
    if (!faults->is_on[fault] || faults->is_calm || is_left_out(faults, faults->strike_count++)) {
        return false;
    }
    faults->counts[fault]++;
    return true;
}

bool fault_strikes(struct faults *faults, enum fault fault)
{
    if (!faults->is_on[fault] || faults->is_calm ||
        !draw_chance(&faults->draws[fault], faults->per_million[fault])) {
        return false;
    }
    return fault_comes(faults, fault);
}
