/*
 * candidates.h - the active offers of each product, found by place, time and units.
 *
 * The market keeps it: an offer is removed before anything of it or of its party changes, and added
 * again after.
 */
#ifndef CORE_MATCH_CANDIDATES_H
#define CORE_MATCH_CANDIDATES_H

#include "core/match/market.h"

struct candidate_index;

void candidate_index_open(struct candidate_index **index);
void candidate_index_close(struct candidate_index *index);
void candidate_index_add(const struct market *market, uint32_t offer);
/* After the certificates of its party changed, or the norms of its product. */
void candidate_index_renew(const struct market *market, uint32_t offer);
void candidate_index_remove(const struct market *market, uint32_t offer);

#endif
