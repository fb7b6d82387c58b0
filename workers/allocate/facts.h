/*
 * facts.h - needs, offers, assignments as the rows that people read. Text is borrowed from
 * the plan until its next step.
 */
#ifndef WORKERS_ALLOCATE_FACTS_H
#define WORKERS_ALLOCATE_FACTS_H

#include "workers/allocate/internal.h"
#include "workers/allocate/tables.h"

struct need_row need_facts(const struct allocate *allocate, uint32_t number);
struct offer_row offer_facts(const struct allocate *allocate, uint32_t number);
struct party_row party_facts(const struct allocate *allocate, uint32_t number);
struct product_row product_facts(const struct allocate *allocate, uint32_t number);
struct dated_row dated_facts(const struct allocate *allocate, uint32_t number);
struct pair_row pair_facts(const struct allocate *allocate, uint32_t need, uint32_t offer);
struct share_row share_facts(const struct allocate *allocate, uint64_t number);

#endif
