/*
 * distance.c - kilometres from squared chords, by counting thresholds.
 *
 * The squared chord between two unit vectors grows with their angle, so the rounded distance
 * is the number of thresholds k + 1/2 km that it has reached. The thresholds are computed once:
 *
 *     near:  |a - b|^2 against 4 sin^2((j + 1/2) / 2R)            up to a quarter turn
 *     far:   |a + b|^2 against 4 sin^2((pi - (k + 1/2) / R) / 2)   beyond it, from the antipode
 *
 * Two ladders, because a chord near the diameter hardly changes with the angle. The first guess
 * of a rung comes from the leading bits of the squared chord, interpolated; it is off by a
 * rung or two at most. Angles and sines are fixed-point numbers scaled by 2^60.
 */
#include "core/match/distance.h"

#include "core/match/match.h"

__extension__ typedef __int128 wide;

#define ONE ((int64_t)1 << 60)
#define PI ((int64_t)3622009729038561421)
#define RADIUS_DECIMETRES 63710088 /* The mean radius of the earth. */
#define DISTANCE_MAX 20015         /* Half a turn, rounded. */
#define QUARTER_KILOMETRES 10007   /* A quarter turn, rounded down. */
#define QUARTER_DEGREES 90000000   /* In micro-degrees. */
#define RUNG_COUNT 10010           /* A quarter turn and a little more. */
#define EXPONENT_MIN 32            /* Below 2^32 a squared chord is under half a kilometre. */
#define EXPONENT_END 62
#define FRACTION_BITS 8
#define GUESS_COUNT (((EXPONENT_END - EXPONENT_MIN) << FRACTION_BITS) + 1)

/* Unit vectors are rounded to their grid: the identity |a + b|^2 + |a - b|^2 = 4 holds within
 * this. */
#define ROUNDING ((int64_t)1 << 34)

struct ladder {
    uint64_t rungs[RUNG_COUNT + 1]; /* Rising; the last is out of reach. */
    uint16_t guesses[GUESS_COUNT];  /* Rungs reached where a bucket of squared chords begins. */
};

/* Filled before main, so that threads only ever read them. */
static struct ladder near_ladder;
static struct ladder far_ladder;

/* The rest of a series whose next term is the last one times -angle^2 / (n (n + 1)). */
static int64_t sum_series(int64_t angle, int64_t term, int64_t n)
{
    int64_t square = (int64_t)(((wide)angle * angle) >> 60);
    int64_t sum = term;

    for (; term != 0; n += 2) {
        term = -(int64_t)(((wide)term * square) >> 60) / (n * (n + 1));
        sum += term;
    }
    return sum;
}

/* For angles up to an eighth of a turn, where few terms suffice. */
static int64_t sine(int64_t angle)
{
    return sum_series(angle, angle, 2);
}

static int64_t cosine(int64_t angle)
{
    return sum_series(angle, ONE, 1);
}

/* The sine of micro-degrees of any size. Exact where it is -1, 0 or 1. */
static int64_t sine_of_degrees(int64_t degrees)
{
    int64_t turned = degrees % (4 * QUARTER_DEGREES) + 4 * (int64_t)QUARTER_DEGREES;
    int64_t quarter = turned / QUARTER_DEGREES % 4;
    int64_t rest = turned % QUARTER_DEGREES;

    if (quarter % 2 == 1) {
        rest = QUARTER_DEGREES - rest;
    }
    bool is_steep = rest <= QUARTER_DEGREES / 2;
    int64_t small = is_steep ? rest : QUARTER_DEGREES - rest;
    int64_t angle = (int64_t)((wide)PI * small / (2 * QUARTER_DEGREES));
    int64_t value = is_steep ? sine(angle) : cosine(angle);
    return quarter < 2 ? value : -value;
}

/* The product of two numbers scaled by 2^60, as one scaled by 2^30. */
static int32_t multiply_to_place(int64_t left, int64_t right)
{
    return (int32_t)(((wide)left * right + ((wide)1 << 89)) >> 90);
}

struct place place_from_degrees(int32_t lat, int32_t lon)
{
    if (lat == PLACE_NONE || lon == PLACE_NONE) {
        return (struct place){.is_known = false};
    }
    int64_t parallel = sine_of_degrees((int64_t)lat + QUARTER_DEGREES);
    return (struct place){
        .x = multiply_to_place(parallel, sine_of_degrees((int64_t)lon + QUARTER_DEGREES)),
        .y = multiply_to_place(parallel, sine_of_degrees(lon)),
        .z = multiply_to_place(sine_of_degrees(lat), ONE),
        .is_known = true,
    };
}

/* 4 sin^2(angle / 2), scaled by 2^60. */
static uint64_t squared_chord(int64_t angle)
{
    int64_t half = sine(angle / 2);
    return (uint64_t)(((wide)half * half) >> 58);
}

/* The angle of k + 1/2 kilometres. */
static int64_t angle_of_step(int64_t kilometres)
{
    return (int64_t)((wide)(2 * kilometres + 1) * 10000 * ONE / (2 * RADIUS_DECIMETRES));
}

/* The smallest squared chord of a bucket. */
static uint64_t bucket_start(uint32_t bucket)
{
    uint32_t exponent = EXPONENT_MIN + (bucket >> FRACTION_BITS);
    uint64_t leading = (1u << FRACTION_BITS) + (bucket & ((1u << FRACTION_BITS) - 1));
    return leading << (exponent - FRACTION_BITS);
}

static void fill_guesses(struct ladder *ladder)
{
    uint16_t reached = 0;

    ladder->rungs[RUNG_COUNT] = UINT64_MAX;
    for (uint32_t bucket = 0; bucket < GUESS_COUNT; bucket++) {
        while (ladder->rungs[reached] <= bucket_start(bucket)) {
            reached++;
        }
        ladder->guesses[bucket] = reached;
    }
}

__attribute__((constructor)) static void build_ladders(void)
{
    for (int64_t i = 0; i < RUNG_COUNT; i++) {
        near_ladder.rungs[i] = squared_chord(angle_of_step(i));
        far_ladder.rungs[i] = squared_chord(PI - angle_of_step(DISTANCE_MAX - 1 - i));
    }
    fill_guesses(&near_ladder);
    fill_guesses(&far_ladder);
}

/* The number of rungs that `square` has reached. */
static uint32_t climb(const struct ladder *ladder, uint64_t square)
{
    if (square >> EXPONENT_MIN == 0) {
        return 0;
    }
    ENSURE(square >> EXPONENT_END == 0);
    uint32_t exponent = 63 - (uint32_t)__builtin_clzll(square);
    uint32_t shift = exponent - FRACTION_BITS;
    uint32_t bucket = ((exponent - EXPONENT_MIN) << FRACTION_BITS) +
                      ((uint32_t)(square >> shift) & ((1u << FRACTION_BITS) - 1));
    uint64_t beyond = square & (((uint64_t)1 << shift) - 1);
    uint64_t low = ladder->guesses[bucket];
    uint64_t rung = low + ((beyond * (ladder->guesses[bucket + 1] - low)) >> shift);

    while (ladder->rungs[rung] <= square) {
        rung++;
    }
    while (rung > 0 && ladder->rungs[rung - 1] > square) {
        rung--;
    }
    return (uint32_t)rung;
}

static uint64_t square_sum(int64_t x, int64_t y, int64_t z)
{
    return (uint64_t)(x * x + y * y + z * z);
}

uint32_t place_distance(const struct place *left, const struct place *right)
{
    if (!left->is_known || !right->is_known) {
        return KILOMETRES_UNKNOWN;
    }
    int64_t lx = left->x;
    int64_t ly = left->y;
    int64_t lz = left->z;
    if (lx * right->x + ly * right->y + lz * right->z >= 0) {
        return climb(&near_ladder, square_sum(lx - right->x, ly - right->y, lz - right->z));
    }
    return DISTANCE_MAX -
           climb(&far_ladder, square_sum(lx + right->x, ly + right->y, lz + right->z));
}

/* How far a coordinate lies outside a range. */
static int64_t gap(int64_t at, int64_t low, int64_t high)
{
    return max_i64(0, max_i64(low - at, at - high));
}

uint32_t place_box_distance(const struct place *place, const struct place_box *box)
{
    uint64_t square = square_sum(gap(place->x, box->low[0], box->high[0]),
                                 gap(place->y, box->low[1], box->high[1]),
                                 gap(place->z, box->low[2], box->high[2]));

    if (square < (uint64_t)2 * ONE) {
        return (uint32_t)min_u64(climb(&near_ladder, square), QUARTER_KILOMETRES);
    }
    int64_t rest = max_i64(0, 4 * ONE + ROUNDING - (int64_t)square);
    return DISTANCE_MAX - climb(&far_ladder, (uint64_t)rest);
}
