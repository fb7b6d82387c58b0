#include "node/reply.h"

enum status reply(const struct world *world, struct bytes peer, struct bytes request_id,
                  const struct message *message, const void *record)
{
    struct header header = {
        .version = PROTO_VERSION, .type = bytes_from_text(message->name), .id = request_id};
    struct buffer frames = {0};

    proto_encode(&HEADER, &header, &frames);
    size_t header_size = frames.size;
    proto_encode(message, record, &frames);
    enum status status =
        world->send(world->context, peer, (struct bytes){frames.data, header_size},
                    (struct bytes){frames.data + header_size, frames.size - header_size});
    buffer_deinit(&frames);
    return status;
}

enum status reply_refused(const struct world *world, struct bytes peer, struct bytes request_id,
                          const struct refusal *refusal, uint64_t retry_after_ms)
{
    struct refused refused = {
        .code = bytes_from_text(refusal->code),
        .field = bytes_from_text(refusal->field),
        .why = bytes_from_text(refusal->why),
        .retry_after_ms = retry_after_ms,
    };

    return reply(world, peer, request_id, &REFUSED, &refused);
}
