/*
 * distance.h - great-circle kilometres in integers.
 *
 * Places are unit vectors scaled by 2^30. The distance is the number of whole kilometres,
 * rounded to the nearest, on a sphere of the mean radius 6371.0088 km (IUGG).
 */
#ifndef CORE_MATCH_DISTANCE_H
#define CORE_MATCH_DISTANCE_H

#include "core/match/market.h"

#define PLACE_ONE ((int32_t)1 << 30) /* The length of a unit vector. */

/* From micro-degrees; unknown when either is PLACE_NONE. */
struct place place_from_degrees(int32_t lat, int32_t lon);

/* Kilometres, 0 to 20,015; KILOMETRES_UNKNOWN when a place is not known. */
uint32_t place_distance(const struct place *left, const struct place *right);

/* The smallest box, along the axes, around some known places. */
struct place_box {
    int32_t low[3], high[3];
};

/* A lower bound of place_distance from `place`, which is known, to any place in the box. */
uint32_t place_box_distance(const struct place *place, const struct place_box *box);

#endif
