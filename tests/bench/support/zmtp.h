/*
 * zmtp.h - a DEALER for benchmarks: ZMTP 3.0 on a unix socket, without ZeroMQ.
 *
 * A library's own threads and queues would be measured along with the system. Here one thread
 * drives thousands of clients with one read and one write for many messages. Messages have two
 * frames, a header and a body.
 */
#ifndef TESTS_BENCH_SUPPORT_ZMTP_H
#define TESTS_BENCH_SUPPORT_ZMTP_H

#include "core/base/memory.h"

struct dealer {
    int descriptor;
    struct buffer out;
    size_t out_sent;
    uint8_t *in; /* What has come and was not looked at: from `in_start` to `in_end`. */
    size_t in_capacity;
    size_t in_start;
    size_t in_end;
    bool wants_write; /* Told to epoll. */
};

/* Connects to the socket at `path`, waiting up to 10 s until somebody listens there. */
void dealer_open(struct dealer *dealer, const char *path);
void dealer_close(struct dealer *dealer);

/* Puts a message into the buffer, from parts: the body is `body` alone. */
void dealer_put(struct dealer *dealer, struct bytes header, struct bytes body);

/* The same with room for a body of `size` bytes, to be filled before the next call. */
uint8_t *dealer_put_room(struct dealer *dealer, struct bytes header, size_t size);

/* Writes what the socket takes. True when all of it is gone. */
bool dealer_flush(struct dealer *dealer);

/* Reads once. False when nothing has come. */
bool dealer_read(struct dealer *dealer);

/* The next message that has come, borrowed until dealer_read. False when none is complete. */
bool dealer_next(struct dealer *dealer, struct bytes *header, struct bytes *body);

/* Waits for one message. */
void dealer_wait(struct dealer *dealer, struct bytes *header, struct bytes *body);

#endif
