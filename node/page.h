/*
 * page.h - one text on a unix socket: whoever connects gets it, and is hung up on.
 */
#ifndef NODE_PAGE_H
#define NODE_PAGE_H

#include "core/base/memory.h"
#include "node/loop.h"

typedef void (*page_render)(void *context, struct buffer *target);

/* Serves until the loop closes, which owns it. A socket left over at `path` is replaced.
 * STATUS_IO when nothing can listen there. */
MUST_USE enum status page_serve(struct loop *loop, const char *path, page_render render,
                                void *context);

#endif
