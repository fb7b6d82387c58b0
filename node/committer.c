/*
 * committer.c - one thread, one batch at a time, back and forth under one mutex.
 *
 *     loop    IDLE -> HANDED      committer_commit
 *     thread  HANDED -> DONE      after batch_write, then wakes the loop
 *     loop    DONE -> IDLE        on_wake, then `done`
 */
#include "node/committer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <uv.h>

enum hand {
    HAND_IDLE,
    HAND_HANDED,
    HAND_DONE,
};

struct committer {
    struct committer_options options;
    struct waker *waker;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum hand hand;
    bool is_closing;
    struct commit_result result;
    uint64_t handed_ms; /* The loop's alone; 0 when the loop has no batch out. */
};

/* Waits for a batch. False when the committer closes. */
static bool next_batch(struct committer *committer)
{
    pthread_mutex_lock(&committer->mutex);
    while (committer->hand != HAND_HANDED && !committer->is_closing) {
        pthread_cond_wait(&committer->changed, &committer->mutex);
    }
    bool has_batch = committer->hand == HAND_HANDED;
    pthread_mutex_unlock(&committer->mutex);
    return has_batch;
}

static void *run_thread(void *argument)
{
    struct committer *committer = argument;

    while (next_batch(committer)) {
        uint64_t began = uv_hrtime();
        enum status status = batch_write(committer->result.batch, committer->options.journal);
        pthread_mutex_lock(&committer->mutex);
        committer->result.status = status;
        committer->result.micros = (uv_hrtime() - began) / 1000;
        committer->hand = HAND_DONE;
        pthread_mutex_unlock(&committer->mutex);
        waker_wake(committer->waker);
    }
    return NULL;
}

static void on_wake(void *context)
{
    struct committer *committer = context;

    pthread_mutex_lock(&committer->mutex);
    bool is_done = committer->hand == HAND_DONE;
    struct commit_result result = committer->result;
    if (is_done) {
        committer->hand = HAND_IDLE;
        committer->handed_ms = 0;
    }
    pthread_mutex_unlock(&committer->mutex);
    if (is_done) {
        committer->options.done(committer->options.context, &result);
    }
}

/* Signals are the loop's matter: the thread starts with all of them blocked. */
static bool start_thread(struct committer *committer)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    ENSURE(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int code = pthread_create(&committer->thread, NULL, run_thread, committer);
    ENSURE(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    return code == 0;
}

enum status committer_open(const struct committer_options *options, struct committer **committer)
{
    struct committer *opened = memory_take(1, sizeof *opened);

    opened->options = *options;
    ENSURE(pthread_mutex_init(&opened->mutex, NULL) == 0);
    ENSURE(pthread_cond_init(&opened->changed, NULL) == 0);
    opened->waker = loop_waker(options->loop, on_wake, opened);
    if (!start_thread(opened)) {
        free(opened);
        return STATUS_IO;
    }
    *committer = opened;
    return STATUS_OK;
}

void committer_close(struct committer *committer)
{
    if (committer == NULL) {
        return;
    }
    pthread_mutex_lock(&committer->mutex);
    committer->is_closing = true;
    pthread_cond_signal(&committer->changed);
    pthread_mutex_unlock(&committer->mutex);
    ENSURE(pthread_join(committer->thread, NULL) == 0);
    pthread_mutex_destroy(&committer->mutex);
    pthread_cond_destroy(&committer->changed);
    free(committer);
}

void committer_commit(struct committer *committer, struct batch *batch)
{
    pthread_mutex_lock(&committer->mutex);
    ENSURE(committer->hand == HAND_IDLE);
    committer->hand = HAND_HANDED;
    committer->result = (struct commit_result){.batch = batch};
    committer->handed_ms = loop_now_ms(committer->options.loop);
    pthread_cond_signal(&committer->changed);
    pthread_mutex_unlock(&committer->mutex);
}

uint64_t committer_busy_ms(const struct committer *committer)
{
    return committer->handed_ms == 0 ? 0
                                     : loop_now_ms(committer->options.loop) - committer->handed_ms;
}
