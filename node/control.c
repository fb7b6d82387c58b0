/*
 * control.c - a role's control socket.
 */
#include "node/control.h"

#include "node/port.h"
#include "node/socket_path.h"
#include "proto/messages.h"

#include <stdlib.h>
#include <unistd.h>

#define REQUEST_COUNT_MAX 64 /* That wait, and answers that do, per peer. */

struct control {
    struct control_options options;
    struct port *port;
    struct arena arena;
    struct buffer answer;
    struct buffer header;
};

static void send_answer(struct control *control, struct bytes peer, const struct header *request,
                        const char *type)
{
    struct header header = {
        .version = PROTO_VERSION,
        .type = bytes_from_text(type),
        .id = request->id,
    };

    control->header.size = 0;
    proto_encode(&HEADER, &header, &control->header);
    struct bytes frames[] = {peer, buffer_view(&control->header), buffer_view(&control->answer)};
    enum status ignored = port_send(control->port, frames, COUNT_OF(frames));
    (void)ignored; /* Who asked and left, or takes nothing, asks again. */
}

static void refuse(struct control *control, struct bytes peer, const struct header *request,
                   const char *code, const char *why)
{
    struct refused refused = {.code = bytes_from_text(code), .why = bytes_from_text(why)};

    control->answer.size = 0;
    proto_encode(&REFUSED, &refused, &control->answer);
    send_answer(control, peer, request, REFUSED.name);
}

static void serve_control(struct control *control, struct bytes peer, const struct header *header,
                          struct bytes body)
{
    const char *type = NULL;

    control->answer.size = 0;
    if (bytes_equal(header->type, bytes_from_text(STATUS.name))) {
        stage_report(control->options.stage, (uint64_t)getpid(), &control->answer);
        send_answer(control, peer, header, REPORT.name);
        return;
    }
    enum status status =
        stage_control(control->options.stage, header->type, body, &type, &control->answer);
    if (status == STATUS_OK) {
        send_answer(control, peer, header, type);
    } else if (status == STATUS_NOT_FOUND) {
        refuse(control, peer, header, CODE_UNKNOWN, "this role does not know such a request");
    } else {
        refuse(control, peer, header, CODE_MALFORMED, status_name(status));
    }
}

static void on_control(void *context, const struct port_message *message)
{
    struct control *control = context;
    struct header header = {0};
    struct refusal refusal;

    arena_reset(&control->arena);
    if (message->count != 3) {
        return;
    }
    if (proto_decode(&HEADER, message->frames[1], &control->arena, &header, &refusal) !=
        STATUS_OK) {
        header = (struct header){0};
        refuse(control, message->frames[0], &header, refusal.code, refusal.why);
        return;
    }
    serve_control(control, message->frames[0], &header, message->frames[2]);
}

enum status control_open(const struct control_options *options, struct control **control)
{
    char endpoint[SOCKET_ENDPOINT_SIZE];
    enum status status = socket_endpoint(options->run_path, options->role, "control", endpoint);

    if (status != STATUS_OK) {
        return status;
    }
    struct control *opened = memory_take(1, sizeof *opened);
    struct port_options port = {
        .kind = PORT_ROUTER,
        .endpoint = endpoint,
        .send_count_max = REQUEST_COUNT_MAX,
        .receive_count_max = REQUEST_COUNT_MAX,
        .receive = on_control,
        .context = opened,
    };
    opened->options = *options;
    status = port_open(options->loop, &port, &opened->port);
    if (status != STATUS_OK) {
        free(opened);
        return status;
    }
    *control = opened;
    return STATUS_OK;
}

void control_close(struct control *control)
{
    if (control == NULL) {
        return;
    }
    port_close(control->port);
    buffer_deinit(&control->answer);
    buffer_deinit(&control->header);
    arena_deinit(&control->arena);
    free(control);
}

uint64_t control_requests(const struct control *control)
{
    return control == NULL ? 0 : port_figures(control->port).received;
}
