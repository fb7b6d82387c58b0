#include "node/silent_world.h"

static uint64_t silent_now(void *context)
{
    (void)context;
    return 0;
}

static uint64_t silent_space(void *context)
{
    (void)context;
    return UINT64_MAX;
}

static enum status silent_send(void *context, struct bytes peer, struct bytes header,
                               struct bytes body)
{
    (void)context;
    (void)peer;
    (void)header;
    (void)body;
    return STATUS_NOT_FOUND;
}

static enum status silent_send_parcel(void *context, struct bytes peer, struct parcel *header,
                                      struct parcel *body)
{
    (void)context;
    (void)peer;
    (void)header;
    (void)body;
    return STATUS_NOT_FOUND;
}

static struct parcel *silent_parcel_make(void *context, struct bytes bytes)
{
    (void)context;
    (void)bytes;
    return NULL;
}

static void silent_parcel_release(void *context, struct parcel *parcel)
{
    (void)context;
    (void)parcel;
}

static void silent_admit(void *context, const struct registry *registry)
{
    (void)context;
    (void)registry;
}

static void silent_wake_at(void *context, uint64_t time_ms)
{
    (void)context;
    (void)time_ms;
}

static enum status silent_read(void *context, uint64_t from, size_t size_max, struct buffer *stored)
{
    (void)context;
    (void)from;
    (void)size_max;
    (void)stored;
    return STATUS_END;
}

static void silent_publish(void *context, struct bytes stored)
{
    (void)context;
    (void)stored;
}

static void silent_ask(void *context, uint32_t upstream, uint64_t from)
{
    (void)context;
    (void)upstream;
    (void)from;
}

struct world silent_world(void *context)
{
    return (struct world){
        .context = context,
        .now_ms = silent_now,
        .space_free = silent_space,
        .send = silent_send,
        .send_parcel = silent_send_parcel,
        .parcel_make = silent_parcel_make,
        .parcel_release = silent_parcel_release,
        .admit = silent_admit,
        .wake_at = silent_wake_at,
        .read = silent_read,
        .publish = silent_publish,
        .ask = silent_ask,
    };
}
