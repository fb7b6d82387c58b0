/*
 * socket_path.h - where the sockets of a role are: RUN/ROLE.WHAT.
 *
 *     RUN/match.control   requests: replay, status, the role's own
 *     RUN/match.feed      entries as they become durable
 *     RUN/match.metrics   its figures as text
 */
#ifndef NODE_SOCKET_PATH_H
#define NODE_SOCKET_PATH_H

#include "core/base/base.h"

#define SOCKET_PATH_SIZE 108 /* With its terminator; the system has no longer ones. */
#define SOCKET_ENDPOINT_SIZE (SOCKET_PATH_SIZE + 6)

/* STATUS_TOO_LARGE when the path would be longer than a socket's may be. */
MUST_USE enum status socket_path(const char *run_path, const char *role, const char *what,
                                 char path[SOCKET_PATH_SIZE]);

/* The same as an endpoint: "ipc://PATH". */
MUST_USE enum status socket_endpoint(const char *run_path, const char *role, const char *what,
                                     char endpoint[SOCKET_ENDPOINT_SIZE]);

#endif
