/*
 * allocate.h - the role that decides who serves whom: folds the match feed into a plan and
 * tells what changes as assignment and answer entries.
 *
 * Pure, as every role's step: the same entries give the same effects, byte for byte.
 */
#ifndef WORKERS_ALLOCATE_ALLOCATE_H
#define WORKERS_ALLOCATE_ALLOCATE_H

#include "core/plan/plan.h"
#include "node/stage.h"

#define ALLOCATE_TABLE_FIRST 2 /* Rows of the plan: this table and the eight behind it. */

extern const struct role allocate_role; /* Its state is a struct allocate. */

struct allocate;

/* The caller owns `*allocate`. */
void allocate_open(const struct plan_options *options, struct allocate **allocate);
void allocate_close(struct allocate *allocate);

#endif
