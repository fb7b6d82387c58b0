/*
 * proto_bench.c - messages a second: decode with validation, against msgpack_unpack, and encode.
 *
 * Prints one line of JSON. The message is an assignment of 12 keys, as dispatch sends it.
 */
#include "proto/messages.h"

#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TURN_COUNT 1000000
#define ROUND_COUNT 3

/* Processor time, so that neighbours on the machine count less. */
static double now_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void make_record(struct assignment_event *event)
{
    proto_clear(&ASSIGNMENT, event);
    event->seq = 1234567;
    event->assignment = 987654;
    event->state = ASSIGNMENT_PROPOSED;
    event->need = bytes_from_text("need-0001");
    event->offer = bytes_from_text("offer-0001");
    event->product = bytes_from_text("mask");
    event->requester = bytes_from_text("hospital-7");
    event->offerer = bytes_from_text("maker-0042");
    event->quantity = 5000;
    event->class_number = 1;
    event->arrival = 18354;
    event->at = 1585844820000u;
}

static double time_decode(struct bytes body)
{
    struct arena arena = {0};
    struct assignment_event event;
    struct refusal refusal;
    double start = now_seconds();

    for (int i = 0; i < TURN_COUNT; i++) {
        ENSURE(proto_decode(&ASSIGNMENT, body, &arena, &event, &refusal) == STATUS_OK);
    }
    double seconds = now_seconds() - start;
    arena_deinit(&arena);
    return TURN_COUNT / seconds / 1e6;
}

static double time_unpack(struct bytes body)
{
    msgpack_zone *zone = msgpack_zone_new(4096);
    double start = now_seconds();

    for (int i = 0; i < TURN_COUNT; i++) {
        size_t offset = 0;
        msgpack_object object;
        ENSURE(msgpack_unpack((const char *)body.data, body.size, &offset, zone, &object) ==
               MSGPACK_UNPACK_SUCCESS);
        msgpack_zone_clear(zone);
    }
    double seconds = now_seconds() - start;
    msgpack_zone_free(zone);
    return TURN_COUNT / seconds / 1e6;
}

static double time_encode(const struct assignment_event *event)
{
    struct buffer buffer = {0};
    double start = now_seconds();

    for (int i = 0; i < TURN_COUNT; i++) {
        buffer.size = 0;
        proto_encode(&ASSIGNMENT, event, &buffer);
    }
    double seconds = now_seconds() - start;
    buffer_deinit(&buffer);
    return TURN_COUNT / seconds / 1e6;
}

static double larger(double left, double right)
{
    return left > right ? left : right;
}

int main(void)
{
    struct assignment_event event;
    struct buffer body = {0};
    double decode = 0;
    double unpack = 0;
    double encode = 0;

    make_record(&event);
    proto_encode(&ASSIGNMENT, &event, &body);
    for (int round = 0; round < ROUND_COUNT; round++) {
        decode = larger(decode, time_decode(buffer_view(&body)));
        unpack = larger(unpack, time_unpack(buffer_view(&body)));
        encode = larger(encode, time_encode(&event));
    }
    printf("{\"bench\":\"proto\",\"bytes\":%zu,\"decode_million_per_s\":%.2f,"
           "\"msgpack_unpack_million_per_s\":%.2f,\"encode_million_per_s\":%.2f}\n",
           body.size, decode, unpack, encode);
    buffer_deinit(&body);
    return EXIT_SUCCESS;
}
