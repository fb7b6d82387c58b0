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
    *submitter = (struct submitter){.done = done, .context = context};
    return connection_open(cli, WINDOW, &submitter->connection);
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

/* --- One command ----------------------------------------------------------------------- */

struct single {
    struct cli *cli;
    int code;
};

static void on_single(void *context, uint64_t tag, const struct maillon_answer *answer)
{
    struct single *single = context;

    (void)tag;
    if (answer->status != MAILLON_OK) {
        single->code = complain(exit_of(answer->status), "%s%s%s", answer->field,
                                answer->field[0] == '\0' ? "" : ": ", answer->why);
        return;
    }
    if (single->cli->is_json) {
        printf("{\"accepted\":true,\"position\":%llu}\n", (unsigned long long)answer->position);
    } else {
        printf("accepted, position %llu\n", (unsigned long long)answer->position);
    }
}

int submit_one(struct cli *cli, const struct message *message, const void *command)
{
    struct single single = {.cli = cli};
    struct submitter submitter;
    struct refusal refusal;
    struct buffer body = {0};

    if (proto_check(message, command, &refusal) != STATUS_OK) {
        return complain(EXIT_DATA, "%s: %s", refusal.field, refusal.why);
    }
    on_interrupt_stop();
    int code = submitter_open(cli, &submitter, on_single, &single);
    if (code != EXIT_DONE) {
        return code;
    }
    proto_encode(message, command, &body);
    code = submitter_send(&submitter, message, buffer_view(&body), 0);
    if (code == EXIT_DONE) {
        code = submitter_finish(&submitter);
    }
    submitter_close(&submitter);
    buffer_deinit(&body);
    return code != EXIT_DONE ? code : single.code;
}
