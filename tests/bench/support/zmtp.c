/*
 * zmtp.c - a DEALER for benchmarks: ZMTP 3.0 on a unix socket, without ZeroMQ.
 *
 * A frame is one byte of flags, its size in 1 or 8 bytes, and its bytes.
 */
#include "tests/bench/support/zmtp.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FLAG_MORE 1
#define FLAG_LONG 2
#define FLAG_COMMAND 4
#define GREETING_SIZE 64
#define READ_SIZE ((size_t)64 * 1024)
#define WAIT_MS_MAX 10000

static bool try_connect(struct dealer *dealer, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(address.sun_path, sizeof address.sun_path, "%s", path);

    ENSURE(size > 0 && (size_t)size < sizeof address.sun_path);
    dealer->descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ENSURE(dealer->descriptor >= 0);
    if (connect(dealer->descriptor, (const struct sockaddr *)&address, sizeof address) == 0) {
        return true;
    }
    close(dealer->descriptor);
    return false;
}

static void shake_hands(int descriptor)
{
    static const uint8_t ready[] = "\x04\x29\x05READY\x0bSocket-Type\x00\x00\x00\x06"
                                   "DEALER\x08Identity\x00\x00\x00\x00";
    uint8_t greeting[GREETING_SIZE] = {[0] = 0xff, [9] = 0x7f, [10] = 3, [12] = 'N', 'U', 'L', 'L'};
    uint8_t answer[256];

    static_assert(sizeof ready - 1 == 2 + 0x29, "the size in the second byte");
    ENSURE(write(descriptor, greeting, sizeof greeting) == (ssize_t)sizeof greeting);
    ENSURE(recv(descriptor, answer, GREETING_SIZE, MSG_WAITALL) == GREETING_SIZE);
    ENSURE(write(descriptor, ready, sizeof ready - 1) == (ssize_t)sizeof ready - 1);
    ENSURE(recv(descriptor, answer, 2, MSG_WAITALL) == 2);
    ENSURE(answer[0] == FLAG_COMMAND);
    ENSURE(recv(descriptor, answer + 2, answer[1], MSG_WAITALL) == answer[1]);
}

void dealer_open(struct dealer *dealer, const char *path)
{
    *dealer = (struct dealer){0};
    for (int waited = 0; !try_connect(dealer, path); waited += 10) {
        ENSURE(waited < WAIT_MS_MAX);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    shake_hands(dealer->descriptor);
    ENSURE(fcntl(dealer->descriptor, F_SETFL, O_NONBLOCK) == 0);
}

void dealer_close(struct dealer *dealer)
{
    close(dealer->descriptor);
    buffer_deinit(&dealer->out);
    free(dealer->in);
    *dealer = (struct dealer){.descriptor = -1};
}

static uint8_t *put_frame(struct dealer *dealer, uint8_t flags, size_t size)
{
    if (size < 256) {
        uint8_t *small = buffer_extend(&dealer->out, 2 + size);
        small[0] = flags;
        small[1] = (uint8_t)size;
        return small + 2;
    }
    uint8_t *large = buffer_extend(&dealer->out, 9 + size);
    large[0] = flags | FLAG_LONG;
    store_u64_be(large + 1, size);
    return large + 9;
}

uint8_t *dealer_put_room(struct dealer *dealer, struct bytes header, size_t size)
{
    memcpy(put_frame(dealer, FLAG_MORE, header.size), header.data, header.size);
    return put_frame(dealer, 0, size);
}

void dealer_put(struct dealer *dealer, struct bytes header, struct bytes body)
{
    memcpy(dealer_put_room(dealer, header, body.size), body.data, body.size);
}

bool dealer_flush(struct dealer *dealer)
{
    while (dealer->out_sent < dealer->out.size) {
        ssize_t sent = write(dealer->descriptor, dealer->out.data + dealer->out_sent,
                             dealer->out.size - dealer->out_sent);
        if (sent < 0) {
            ENSURE(errno == EAGAIN || errno == EINTR);
            return false;
        }
        dealer->out_sent += (size_t)sent;
    }
    dealer->out.size = 0;
    dealer->out_sent = 0;
    return true;
}

bool dealer_read(struct dealer *dealer)
{
    if (dealer->in_start == dealer->in_end) {
        dealer->in_start = dealer->in_end = 0;
    }
    if (dealer->in_capacity - dealer->in_end < READ_SIZE / 2 && dealer->in_start > 0) {
        memmove(dealer->in, dealer->in + dealer->in_start, dealer->in_end - dealer->in_start);
        dealer->in_end -= dealer->in_start;
        dealer->in_start = 0;
    }
    GROW(dealer->in, dealer->in_capacity, dealer->in_end + READ_SIZE / 2);
    ssize_t count =
        read(dealer->descriptor, dealer->in + dealer->in_end, dealer->in_capacity - dealer->in_end);
    if (count < 0) {
        ENSURE(errno == EAGAIN || errno == EINTR);
        return false;
    }
    ENSURE(count > 0); /* Nobody hangs up in a benchmark. */
    dealer->in_end += (size_t)count;
    return true;
}

/* One frame at `*at`. False when it has not come as a whole. */
static bool take_frame(const struct dealer *dealer, size_t *at, uint8_t *flags, struct bytes *frame)
{
    size_t left = dealer->in_end - *at;
    const uint8_t *start = dealer->in + *at;

    if (left < 2) {
        return false;
    }
    size_t head = (start[0] & FLAG_LONG) != 0 ? 9 : 2;
    if (left < head) {
        return false;
    }
    size_t size = head == 9 ? (size_t)load_u64_be(start + 1) : start[1];
    if (left - head < size) {
        return false;
    }
    *flags = start[0];
    *frame = (struct bytes){start + head, size};
    *at += head + size;
    return true;
}

bool dealer_next(struct dealer *dealer, struct bytes *header, struct bytes *body)
{
    size_t at = dealer->in_start;
    uint8_t flags = 0;

    do {
        dealer->in_start = at; /* Commands are skipped. */
        if (!take_frame(dealer, &at, &flags, header)) {
            return false;
        }
    } while ((flags & FLAG_COMMAND) != 0);
    ENSURE((flags & FLAG_MORE) != 0);
    if (!take_frame(dealer, &at, &flags, body)) {
        return false;
    }
    ENSURE((flags & FLAG_MORE) == 0);
    dealer->in_start = at;
    return true;
}

void dealer_wait(struct dealer *dealer, struct bytes *header, struct bytes *body)
{
    struct pollfd readable = {.fd = dealer->descriptor, .events = POLLIN};

    dealer_flush(dealer);
    while (!dealer_next(dealer, header, body)) {
        ENSURE(poll(&readable, 1, WAIT_MS_MAX) == 1);
        dealer_read(dealer);
    }
}
