/*
 * control.h - a role's control socket: requests of the next role and of operators.
 *
 *     RUN/ROLE.control  ROUTER  [header] [body] -> [header with the same id] [body]
 *
 * "status" is answered here; the stage and the role know the others.
 */
#ifndef NODE_CONTROL_H
#define NODE_CONTROL_H

#include "node/loop.h"
#include "node/stage.h"

struct control;

struct control_options {
    struct loop *loop;
    const char *run_path; /* Borrowed during open. */
    const char *role;
    struct stage *stage; /* Borrowed until control_close. */
};

/* The caller owns `*control`. Statuses as port_open. */
MUST_USE enum status control_open(const struct control_options *options, struct control **control);
void control_close(struct control *control);

uint64_t control_requests(const struct control *control); /* How many came. */

#endif
