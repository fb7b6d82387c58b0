/*
 * socket_path.c - where the sockets of a role are.
 */
#include "node/socket_path.h"

#include <assert.h>
#include <stdio.h>
#include <sys/un.h>

static_assert(SOCKET_PATH_SIZE == sizeof(((struct sockaddr_un *)NULL)->sun_path),
              "the system's limit");

enum status socket_path(const char *run_path, const char *role, const char *what,
                        char path[SOCKET_PATH_SIZE])
{
    int size = snprintf(path, SOCKET_PATH_SIZE, "%s/%s.%s", run_path, role, what);

    return size >= 0 && size < SOCKET_PATH_SIZE ? STATUS_OK : STATUS_TOO_LARGE;
}

enum status socket_endpoint(const char *run_path, const char *role, const char *what,
                            char endpoint[SOCKET_ENDPOINT_SIZE])
{
    char path[SOCKET_PATH_SIZE];
    enum status status = socket_path(run_path, role, what, path);

    if (status == STATUS_OK) {
        snprintf(endpoint, SOCKET_ENDPOINT_SIZE, "ipc://%s", path);
    }
    return status;
}
