/*
 * loop.c - the loop over libuv.
 *
 * Handles are closed in two steps: uv_close asks, and the next turn of the loop runs the
 * close callbacks. Every handle here starts its own allocation, so that one callback frees
 * them all.
 */
#include "node/loop.h"

#include "core/base/memory.h"

#include <stdlib.h>
#include <uv.h>
#include <zmq.h>

struct loop {
    uv_loop_t uv;
    void *context;
    bool is_stopped;
};

struct timer {
    uv_timer_t handle;
    loop_callback callback;
    void *context;
};

struct waker {
    uv_async_t handle;
    loop_callback callback;
    void *context;
};

struct signal_watch {
    uv_signal_t handle;
    loop_signal callback;
    void *context;
};

enum status loop_open(struct loop **loop)
{
    struct loop *new_loop = memory_take(1, sizeof *new_loop);

    if (uv_loop_init(&new_loop->uv) != 0) {
        free(new_loop);
        return STATUS_IO;
    }
    new_loop->context = zmq_ctx_new();
    if (new_loop->context == NULL) {
        ENSURE(uv_loop_close(&new_loop->uv) == 0);
        free(new_loop);
        return STATUS_IO;
    }
    *loop = new_loop;
    return STATUS_OK;
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle)) {
        uv_close(handle, free_handle);
    }
}

void loop_close(struct loop *loop)
{
    if (loop == NULL) {
        return;
    }
    uv_walk(&loop->uv, close_handle, NULL);
    ENSURE(uv_run(&loop->uv, UV_RUN_DEFAULT) == 0);
    ENSURE(uv_loop_close(&loop->uv) == 0);
    while (zmq_ctx_term(loop->context) != 0) {
        ENSURE(zmq_errno() == EINTR);
    }
    free(loop);
}

void loop_run(struct loop *loop)
{
    while (!loop->is_stopped) {
        uv_run(&loop->uv, UV_RUN_ONCE);
    }
    loop->is_stopped = false;
}

void loop_stop(struct loop *loop)
{
    loop->is_stopped = true;
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

void *loop_context(struct loop *loop)
{
    return loop->context;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return uv_now(&loop->uv);
}

struct timer *loop_timer(struct loop *loop, loop_callback callback, void *context)
{
    struct timer *timer = memory_take(1, sizeof *timer);

    timer->callback = callback;
    timer->context = context;
    ENSURE(uv_timer_init(&loop->uv, &timer->handle) == 0);
    return timer;
}

static void on_timer(uv_timer_t *handle)
{
    struct timer *timer = (struct timer *)handle;

    timer->callback(timer->context);
}

void timer_start(struct timer *timer, uint64_t delay_ms, uint64_t repeat_ms)
{
    ENSURE(uv_timer_start(&timer->handle, on_timer, delay_ms, repeat_ms) == 0);
}

void timer_stop(struct timer *timer)
{
    ENSURE(uv_timer_stop(&timer->handle) == 0);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct signal_watch *watch = (struct signal_watch *)handle;

    watch->callback(watch->context, number);
}

void loop_on_signal(struct loop *loop, int number, loop_signal callback, void *context)
{
    struct signal_watch *watch = memory_take(1, sizeof *watch);

    watch->callback = callback;
    watch->context = context;
    ENSURE(uv_signal_init(&loop->uv, &watch->handle) == 0);
    ENSURE(uv_signal_start(&watch->handle, on_signal, number) == 0);
}

static void on_wake(uv_async_t *handle)
{
    struct waker *waker = (struct waker *)handle;

    waker->callback(waker->context);
}

struct waker *loop_waker(struct loop *loop, loop_callback callback, void *context)
{
    struct waker *waker = memory_take(1, sizeof *waker);

    waker->callback = callback;
    waker->context = context;
    ENSURE(uv_async_init(&loop->uv, &waker->handle, on_wake) == 0);
    return waker;
}

void waker_wake(struct waker *waker)
{
    ENSURE(uv_async_send(&waker->handle) == 0);
}
