/*
 * batch.h - much at once: what hangs together with a change is solved anew as a whole.
 */
#ifndef CORE_FLOW_BATCH_H
#define CORE_FLOW_BATCH_H

#include "core/flow/flow.h"

/* Whether solving anew costs less than working off the changes one by one: when at least
 * BATCH_CHANGES_MIN sinks and sources, and one in BATCH_SHARE of those that want or have
 * something, changed since the last settle. */
#define BATCH_CHANGES_MIN 256
#define BATCH_SHARE 8
bool batch_pays(const struct flow *flow);

/* Makes the flow optimal for everything set so far, from nothing in each connected component in
 * which something changed. Changes are noted as flow_settle notes them. */
void batch_settle(struct flow *flow);

#endif
