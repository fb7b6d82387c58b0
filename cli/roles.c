/*
 * roles.c - requests to the control sockets of the roles.
 */
#include "cli/cli.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDLE_POLL_MS 20

bool role_endpoint(const struct cli *cli, const char *role, const char *suffix, char endpoint[256])
{
    int size = snprintf(endpoint, 256, "ipc://%s/run/%s%s", cli->data, role, suffix);
    return size > 0 && size < 256;
}

static enum maillon_status status_of_refusal(struct bytes body, struct arena *arena)
{
    struct refused refused;
    struct refusal refusal;

    if (proto_decode(&REFUSED, body, arena, &refused, &refusal) != STATUS_OK) {
        return MAILLON_BUG;
    }
    if (bytes_equal(refused.code, bytes_from_text(CODE_DENIED))) {
        return MAILLON_DENIED;
    }
    return bytes_equal(refused.code, bytes_from_text(CODE_FULL)) ? MAILLON_TRY_AGAIN
                                                                 : MAILLON_NOT_FOUND;
}

/* One request to a role of this machine, or to the dispatcher that the options name. */
static enum maillon_status exchange(const struct cli *cli, const char *endpoint,
                                    const struct message *request, struct bytes body, char type[32],
                                    void **bytes, size_t *size)
{
    struct remote remote;

    if (request == &SNAPSHOT) {
        if (remote_open(cli, &remote) != EXIT_DONE) {
            return MAILLON_CONFIG;
        }
        endpoint = remote.options.dispatch != NULL ? remote.options.dispatch : endpoint;
    }
    bool is_here = strncmp(endpoint, "ipc://", strlen("ipc://")) == 0;
    enum maillon_status status = MAILLON_UNREACHABLE; /* Nothing was ever started here. */
    if (!is_here || access(endpoint + strlen("ipc://"), F_OK) == 0) {
        status =
            maillon_request(endpoint, request == &SNAPSHOT ? &remote.options : NULL, request->name,
                            body.data, body.size, cli->options.timeout_ms, type, bytes, size);
    }
    if (request == &SNAPSHOT) {
        remote_close(&remote);
    }
    return status;
}

enum maillon_status role_ask(const struct cli *cli, const char *role, const struct message *request,
                             const void *request_record, const struct message *answer, void *record,
                             struct arena *arena)
{
    char endpoint[256];
    char type[32];
    void *bytes = NULL;
    size_t size = 0;
    struct buffer body = {0};
    struct refusal refusal;
    bool is_dispatch = request == &SNAPSHOT;

    if (!role_endpoint(cli, role, is_dispatch ? "" : ".control", endpoint)) {
        return MAILLON_CONFIG;
    }
    proto_encode(request, request_record, &body);
    enum maillon_status status =
        exchange(cli, endpoint, request, buffer_view(&body), type, &bytes, &size);
    buffer_deinit(&body);
    if (status != MAILLON_OK) {
        return status;
    }
    struct bytes kept = arena_copy(arena, (struct bytes){.data = bytes, .size = size});
    free(bytes);
    if (strcmp(type, REFUSED.name) == 0) {
        return status_of_refusal(kept, arena);
    }
    if (strcmp(type, answer->name) != 0 ||
        proto_decode(answer, kept, arena, record, &refusal) != STATUS_OK) {
        return MAILLON_BUG;
    }
    return MAILLON_OK;
}

enum maillon_status role_report(const struct cli *cli, const char *role, struct report *report,
                                struct arena *arena)
{
    struct status_request request = {.ping = true};

    return role_ask(cli, role, &STATUS, &request, &REPORT, report, arena);
}

enum maillon_status wait_until_idle(const struct cli *cli, uint64_t *last)
{
    struct arena arena = {0};
    struct report report = {0};
    uint64_t reached = 0;

    /* Role by role: the next one has taken in what the one before it had in the end. */
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        uint64_t wanted = reached;
        for (;;) {
            enum maillon_status status = role_report(cli, ROLE_NAMES[i], &report, &arena);
            if (is_interrupted() || status != MAILLON_OK) {
                arena_deinit(&arena);
                return is_interrupted() ? MAILLON_UNREACHABLE : status;
            }
            reached = report.last;
            bool is_there = report.ready && (i == 0 || report.cursor >= wanted);
            arena_reset(&arena);
            if (is_there) {
                break;
            }
            poll(NULL, 0, IDLE_POLL_MS);
        }
    }
    arena_deinit(&arena);
    *last = reached;
    return MAILLON_OK;
}
