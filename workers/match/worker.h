/*
 * worker.h - the match worker: who could serve what.
 *
 * Every intake entry comes out again as one "noted" entry: the command, what became of it, and for
 * an open need its best matches. When an offer appears or changes, "matches" entries behind the
 * noted one list the needs it is among the best for; when a dated rule changes, begins or ends,
 * "listed" entries list the needs that are affected anew. So the match feed is all that the
 * workers behind it need to know.
 *
 * Each need has a bound: every possible offer that costs less has been listed for it. When its
 * party is put anew, or the rules are, its best matches are searched again and not listed: whoever
 * reads the feed makes the same search at the same entry.
 */
#ifndef WORKERS_MATCH_WORKER_H
#define WORKERS_MATCH_WORKER_H

#include "core/match/match.h"
#include "node/stage.h"

struct match_worker; /* The state of the role. */

extern const struct role match_role;

/* The caller owns `*worker`. */
void match_worker_open(const struct match_rules *rules, struct match_worker **worker);
void match_worker_close(struct match_worker *worker);

#endif
