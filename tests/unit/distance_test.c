/*
 * distance_test.c - integer kilometres against the haversine formula of the C library.
 */
#include "core/match/distance.h"
#include "core/match/match.h"
#include "tests/harness.h"

#include <math.h>

#define RADIUS 6371.0088L
#define PAIR_COUNT 1000000
#define EDGE 1e-3L /* Kilometres around a rounding edge where either side is right. */

static const long double degree = 3.14159265358979323846264338327950288L / 180.0L / 1e6L;

struct point {
    int32_t lat, lon;
};

static uint32_t distance(struct point left, struct point right)
{
    struct place a = place_from_degrees(left.lat, left.lon);
    struct place b = place_from_degrees(right.lat, right.lon);
    uint32_t found = place_distance(&a, &b);

    EXPECT_EQ(found, place_distance(&b, &a));
    return found;
}

/* The haversine formula, from the antipode where it is the more precise. */
static long double haversine(struct point left, struct point right)
{
    long double lat = sinl((long double)(left.lat - right.lat) * degree / 2);
    long double lon = sinl((long double)((int64_t)left.lon - right.lon) * degree / 2);
    long double parallels =
        cosl((long double)left.lat * degree) * cosl((long double)right.lat * degree);
    long double square = lat * lat + parallels * lon * lon;

    return 2 * RADIUS * atan2l(sqrtl(square), sqrtl(fmaxl(0, 1 - square)));
}

static void expect_near(struct point left, struct point right)
{
    long double exact = haversine(left, right);
    long double edge = fabsl(exact - floorl(exact) - 0.5L);
    uint32_t found = distance(left, right);

    if (edge > EDGE) {
        EXPECT_EQ(found, floorl(exact + 0.5L));
    } else {
        EXPECT_TRUE(fabsl((long double)found - exact) < 0.5L + EDGE);
    }
}

static struct point random_point(uint64_t *state)
{
    return (struct point){
        .lat = (int32_t)random_below(state, 180000001) - 90000000,
        .lon = (int32_t)random_below(state, 360000001) - 180000000,
    };
}

/* Half of the pairs anywhere, a quarter close together, a quarter nearly opposite. */
static void kilometres_equal_the_haversine_formula(void)
{
    uint64_t state = 2020;

    for (test_seed = 1; test_seed <= PAIR_COUNT; test_seed++) {
        struct point left = random_point(&state);
        struct point right = random_point(&state);
        if (test_seed % 4 > 1) {
            int32_t spread = 10 << random_below(&state, 20);
            right.lat = left.lat + (int32_t)random_below(&state, (uint64_t)spread) - spread / 2;
            right.lon = left.lon + (int32_t)random_below(&state, (uint64_t)spread) - spread / 2;
            right.lat = right.lat > 90000000 ? 90000000 : right.lat;
            right.lat = right.lat < -90000000 ? -90000000 : right.lat;
        }
        if (test_seed % 4 == 3) {
            right.lat = -right.lat;
            right.lon += right.lon > 0 ? -180000000 : 180000000;
        }
        expect_near(left, right);
    }
    test_seed = 0;
}

static void a_place_is_a_unit_vector(void)
{
    uint64_t state = 7;

    for (int i = 0; i < 100000; i++) {
        struct point point = random_point(&state);
        struct place place = place_from_degrees(point.lat, point.lon);
        long double lat = (long double)point.lat * degree;
        long double lon = (long double)point.lon * degree;
        EXPECT_TRUE(place.is_known);
        EXPECT_TRUE(fabsl(place.x - PLACE_ONE * cosl(lat) * cosl(lon)) < 0.51L);
        EXPECT_TRUE(fabsl(place.y - PLACE_ONE * cosl(lat) * sinl(lon)) < 0.51L);
        EXPECT_TRUE(fabsl(place.z - PLACE_ONE * sinl(lat)) < 0.51L);
    }
}

static void a_place_is_no_distance_from_itself(void)
{
    uint64_t state = 11;

    for (int i = 0; i < 100000; i++) {
        struct point point = random_point(&state);
        EXPECT_EQ(distance(point, point), 0);
    }
}

static void opposite_places_are_half_a_turn_apart(void)
{
    uint64_t state = 13;

    for (int i = 0; i < 100000; i++) {
        struct point point = random_point(&state);
        int32_t lon = point.lon > 0 ? point.lon - 180000000 : point.lon + 180000000;
        EXPECT_EQ(distance(point, (struct point){-point.lat, lon}), 20015);
    }
}

static void all_meridians_meet_at_the_poles(void)
{
    for (int32_t lon = -180000000; lon <= 180000000; lon += 1000000) {
        EXPECT_EQ(distance((struct point){90000000, lon}, (struct point){90000000, 0}), 0);
        EXPECT_EQ(distance((struct point){90000000, lon}, (struct point){-90000000, 0}), 20015);
        EXPECT_EQ(distance((struct point){90000000, lon}, (struct point){0, 12345678}), 10008);
    }
}

static void the_date_line_is_no_border(void)
{
    EXPECT_EQ(distance((struct point){0, 180000000}, (struct point){0, -180000000}), 0);
    EXPECT_EQ(distance((struct point){0, 179500000}, (struct point){0, -179500000}), 111);
    EXPECT_EQ(distance((struct point){60000000, 179999999}, (struct point){60000000, -179999999}),
              0);
}

/* Paris to Toulouse and to Bordeaux, as the crow flies. */
static void towns_are_as_far_apart_as_the_map_says(void)
{
    struct point paris = {48856600, 2352200};

    EXPECT_EQ(distance(paris, (struct point){43604700, 1444200}), 588);
    EXPECT_EQ(distance(paris, (struct point){44837800, -579200}), 499);
}

static void an_unknown_place_counts_as_a_fixed_distance(void)
{
    struct place known = place_from_degrees(1, 1);
    struct place no_lat = place_from_degrees(PLACE_NONE, 1);
    struct place no_lon = place_from_degrees(1, PLACE_NONE);

    EXPECT_EQ(place_distance(&known, &no_lat), KILOMETRES_UNKNOWN);
    EXPECT_EQ(place_distance(&no_lon, &known), KILOMETRES_UNKNOWN);
    EXPECT_EQ(place_distance(&no_lon, &no_lat), KILOMETRES_UNKNOWN);
}

static void extend(struct place_box *box, const struct place *place, bool is_first)
{
    int32_t at[3] = {place->x, place->y, place->z};

    for (int axis = 0; axis < 3; axis++) {
        box->low[axis] = is_first || at[axis] < box->low[axis] ? at[axis] : box->low[axis];
        box->high[axis] = is_first || at[axis] > box->high[axis] ? at[axis] : box->high[axis];
    }
}

static void a_box_is_never_farther_than_what_is_in_it(void)
{
    uint64_t state = 17;

    for (test_seed = 1; test_seed <= 100000; test_seed++) {
        struct point eye = random_point(&state);
        struct place from = place_from_degrees(eye.lat, eye.lon);
        struct point centre = random_point(&state);
        struct place_box box;
        struct place inside[4];
        size_t count = 1 + random_below(&state, COUNT_OF(inside));
        if (test_seed % 2 == 0) { /* Nearly a quarter turn away, where the ladders meet. */
            centre = (struct point){eye.lat > 0 ? eye.lat - 90000000 : eye.lat + 90000000, eye.lon};
        }
        int32_t spread = 1 << random_below(&state, 24);
        for (size_t i = 0; i < count; i++) {
            inside[i] =
                place_from_degrees(centre.lat + (int32_t)random_below(&state, (uint64_t)spread),
                                   centre.lon + (int32_t)random_below(&state, (uint64_t)spread));
            extend(&box, &inside[i], i == 0);
        }
        for (size_t i = 0; i < count; i++) {
            uint32_t least = place_box_distance(&from, &box);
            EXPECT_TRUE(least <= place_distance(&from, &inside[i]));
            EXPECT_TRUE(count > 1 || least + 2 >= place_distance(&from, &inside[i]));
        }
    }
    test_seed = 0;
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(kilometres_equal_the_haversine_formula),
        CASE(a_place_is_a_unit_vector),
        CASE(a_place_is_no_distance_from_itself),
        CASE(opposite_places_are_half_a_turn_apart),
        CASE(all_meridians_meet_at_the_poles),
        CASE(the_date_line_is_no_border),
        CASE(towns_are_as_far_apart_as_the_map_says),
        CASE(an_unknown_place_counts_as_a_fixed_distance),
        CASE(a_box_is_never_farther_than_what_is_in_it),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
