/*
 * loop.h - the one loop of a process: timers, signals, wake-ups, and the ZeroMQ context.
 *
 * Everything runs on the thread that calls loop_run; only waker_wake may be called from
 * another one. Timers, signals and wakers belong to the loop and end with it.
 */
#ifndef NODE_LOOP_H
#define NODE_LOOP_H

#include "core/base/base.h"

struct loop;
struct timer;
struct waker;
struct uv_loop_s; /* libuv's, for the files of node/ that add handles of their own. */

/* The caller owns `*loop`. One per process: it makes the ZeroMQ context too. */
MUST_USE enum status loop_open(struct loop **loop);

/* Every port on the loop must have been closed. Waits until the ports' last messages left, as
 * long as their linger time allows. */
void loop_close(struct loop *loop);

void loop_run(struct loop *loop); /* Until loop_stop, which may also have been called before. */
void loop_stop(struct loop *loop);

struct uv_loop_s *loop_uv(struct loop *loop);
void *loop_context(struct loop *loop); /* Of ZeroMQ. */

typedef void (*loop_callback)(void *context);
typedef void (*loop_signal)(void *context, int number);

/* A timer that is not started yet. `repeat_ms` 0: it fires once. Starting it again replaces the
 * earlier time. */
struct timer *loop_timer(struct loop *loop, loop_callback callback, void *context);
void timer_start(struct timer *timer, uint64_t delay_ms, uint64_t repeat_ms);
void timer_stop(struct timer *timer);

void loop_on_signal(struct loop *loop, int number, loop_signal callback, void *context);

/* Calls `callback` on the loop's thread after waker_wake, once for several calls that come close
 * together. */
struct waker *loop_waker(struct loop *loop, loop_callback callback, void *context);
void waker_wake(struct waker *waker);

/* Milliseconds of a clock that only goes forward, as of the loop's present turn. */
uint64_t loop_now_ms(const struct loop *loop);

#endif
