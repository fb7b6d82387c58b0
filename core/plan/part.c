/*
 * part.c - parts by a forest of roots, pairs by offer by counting.
 */
#include "core/plan/part.h"

#include <stdlib.h>

static uint32_t find_root(uint32_t *parents, uint32_t item)
{
    while (parents[item] != item) {
        parents[item] = parents[parents[item]];
        item = parents[item];
    }
    return item;
}

uint32_t *part_roots(const struct lots_problem *problem)
{
    size_t count = problem->need_count + problem->offer_count;
    uint32_t *parents = memory_take(count + 1, sizeof *parents);

    for (uint32_t i = 0; i < count; i++) {
        parents[i] = i;
    }
    for (size_t i = 0; i < problem->pair_count; i++) {
        uint32_t need = find_root(parents, problem->pairs[i].need);
        uint32_t offer =
            find_root(parents, (uint32_t)problem->need_count + problem->pairs[i].offer);
        parents[need > offer ? need : offer] = need < offer ? need : offer;
    }
    for (uint32_t i = 0; i < count; i++) {
        parents[i] = find_root(parents, i);
    }
    return parents;
}

void part_open(struct part *part, size_t pair_count)
{
    *part = (struct part){
        .needs = memory_take(pair_count, sizeof *part->needs),
        .offers = memory_take(pair_count, sizeof *part->offers),
        .pairs = memory_take(pair_count, sizeof *part->pairs),
        .origins = memory_take(pair_count, sizeof *part->origins),
        .need_starts = memory_take(pair_count + 1, sizeof *part->need_starts),
        .offer_starts = memory_take(pair_count + 2, sizeof *part->offer_starts),
        .of_offer = memory_take(pair_count, sizeof *part->of_offer),
        .queue = memory_take(pair_count + 1, sizeof *part->queue),
        .arrived = memory_take(2 * pair_count, sizeof *part->arrived),
        .is_small = pair_count <= SMALL_PAIR_COUNT_MAX,
    };
}

void part_close(struct part *part)
{
    void *owned[] = {part->needs,    part->offers,      part->pairs,
                     part->origins,  part->need_starts, part->offer_starts,
                     part->of_offer, part->queue,       part->arrived};

    for (size_t i = 0; i < COUNT_OF(owned); i++) {
        free(owned[i]);
    }
}

void part_index_offers(struct part *part)
{
    for (size_t i = 0; i < part->pair_count; i++) {
        part->offer_starts[part->pairs[i].offer + 2]++;
    }
    for (size_t i = 2; i < part->offer_count + 2; i++) {
        part->offer_starts[i] += part->offer_starts[i - 1];
    }
    for (uint32_t i = 0; i < part->pair_count; i++) {
        part->of_offer[part->offer_starts[part->pairs[i].offer + 1]++] = i;
    }
}

void part_add(const struct lots_problem *problem, struct part *part, uint32_t *numbers,
              uint32_t origin)
{
    const struct lots_pair *pair = &problem->pairs[origin];
    bool is_new = part->pair_count == 0 ||
                  problem->pairs[part->origins[part->pair_count - 1]].need != pair->need;

    if (is_new) {
        part->needs[part->need_count] = problem->needs[pair->need];
        part->need_starts[part->need_count++] = (uint32_t)part->pair_count;
    }
    if (numbers[pair->offer] == 0) {
        part->offers[part->offer_count++] = problem->offers[pair->offer];
        numbers[pair->offer] = (uint32_t)part->offer_count;
    }
    part->pairs[part->pair_count] = *pair;
    part->pairs[part->pair_count].need = (uint32_t)part->need_count - 1;
    part->pairs[part->pair_count].offer = numbers[pair->offer] - 1;
    part->origins[part->pair_count++] = origin;
    part->need_starts[part->need_count] = (uint32_t)part->pair_count;
}
