/*
 * supervisor.h - one process a role: started, kept alive, stopped in order.
 *
 * Every role is this program again, with the role in front of its arguments. A role that
 * ends is started again, later each time until it has lived for a while; one that ends
 * with a configuration or data error stops everything, since a restart would not help.
 *
 * Roles talk to the supervisor as they would to systemd: over the datagram socket that
 * NOTIFY_SOCKET names (READY=1, WATCHDOG=1). A role that gives no sign of life is killed.
 */
#ifndef NODE_SUPERVISOR_H
#define NODE_SUPERVISOR_H

#include "core/base/base.h"

#define SUPERVISOR_ROLE_COUNT_MAX 8

struct supervisor_options {
    const char *const *roles; /* In the order in which they stop. */
    size_t role_count;
    char **arguments; /* Of this program without a role, and its name; ends with NULL. */
    const char *run_path;
    uint32_t restart_ms_min;
    uint32_t restart_ms_max;
    uint32_t stop_seconds;        /* Then a role is killed. */
    void (*ready)(void *context); /* Every role serves, for the first time. */
    void *ready_context;
};

/* Runs until SIGTERM or SIGINT. Returns an enum process_exit. */
int supervisor_run(const struct supervisor_options *options);

/* For a role's main: end with the process that started it. */
void supervisor_bind_child(void);

#endif
