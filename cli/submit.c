/*
 * submit.c - many commands through one connection, each answered once.
 */
#include "cli/cli.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 8192
#define WAIT_MS 250

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

void on_interrupt_stop(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool is_interrupted(void)
{
    return interrupted != 0;
}

struct submitted {
    struct submitter *submitter;
    uint64_t tag;
};

static void on_answer(const struct maillon_answer *answer, void *user)
{
    struct submitted *submitted = user;
    struct submitter *submitter = submitted->submitter;

    submitter->answered++;
    submitter->done(submitter->context, submitted->tag, answer);
    free(submitted);
}

int submitter_open(const struct cli *cli, struct submitter *submitter, submit_done_fn done,
                   void *context)
{
    struct maillon_options options = {
        .size = sizeof options,
        .data = cli->data,
        .window = WINDOW,
        .timeout_ms = (uint32_t)cli->options.timeout_ms,
    };

    *submitter = (struct submitter){.done = done, .context = context};
    enum maillon_status status = maillon_open(&options, &submitter->connection);
    if (status != MAILLON_OK) {
        return complain(exit_of(status), "cannot use data directory \"%s\": %s", cli->data,
                        maillon_status_name(status));
    }
    return EXIT_DONE;
}

/* Waits for answers; gives up when none came for the connection's time-out and some. */
static int await(struct submitter *submitter, uint64_t unanswered_max)
{
    uint64_t answered = submitter->answered;
    uint64_t since = clock_ms();

    while (maillon_unanswered(submitter->connection) > unanswered_max) {
        if (is_interrupted()) {
            return EXIT_INTERRUPTED;
        }
        enum maillon_status status = maillon_wait(submitter->connection, WAIT_MS);
        if (status != MAILLON_OK) {
            return complain(exit_of(status), "connection: %s", maillon_status_name(status));
        }
        if (submitter->answered != answered) {
            answered = submitter->answered;
            since = clock_ms();
        } else if (clock_ms() > since + 60000) {
            return complain(EXIT_UNREACHABLE,
                            "no answer for a minute: is maillond running? try maillon check");
        }
    }
    return EXIT_DONE;
}

int submitter_send(struct submitter *submitter, const struct message *message, struct bytes body,
                   uint64_t tag)
{
    uint8_t id[MAILLON_ID_SIZE];
    struct submitted *submitted = memory_take(1, sizeof *submitted);

    *submitted = (struct submitted){.submitter = submitter, .tag = tag};
    maillon_make_id(id);
    for (;;) {
        enum maillon_status status = maillon_submit(submitter->connection, message->name, id,
                                                    body.data, body.size, on_answer, submitted);
        if (status == MAILLON_OK) {
            submitter->sent++;
            return EXIT_DONE;
        }
        if (status != MAILLON_TRY_AGAIN) {
            free(submitted);
            return complain(exit_of(status), "submit: %s", maillon_status_name(status));
        }
        int code = await(submitter, WINDOW / 2);
        if (code != EXIT_DONE) {
            free(submitted);
            return code;
        }
    }
}

int submitter_finish(struct submitter *submitter)
{
    return await(submitter, 0);
}

void submitter_close(struct submitter *submitter)
{
    maillon_close(submitter->connection);
    submitter->connection = NULL;
}
