/*
 * silent_world.h - a world in which nothing happens: time stands still, nobody is there, the own
 * feed is empty and no room ever ends.
 *
 * For deciding again what was decided: whoever does sets `commit` and `fail`, which are NULL.
 */
#ifndef NODE_SILENT_WORLD_H
#define NODE_SILENT_WORLD_H

#include "node/world.h"

/* `context` is the caller's own. */
struct world silent_world(void *context);

#endif
