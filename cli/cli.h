/*
 * cli.h - what the commands of `maillon` share: options, output, exit codes.
 *
 * Data goes to standard output, talk to standard error. With --json, or when standard
 * output is no terminal, data is one JSON object a line: that is the contract; tables are for
 * people and may change.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "client/maillon.h"
#include "core/base/memory.h"
#include "maillond/roles.h"
#include "proto/messages.h"

#include <stdio.h>

enum exit_code { /* sysexits.h, and three of our own (design 9). */
                 EXIT_DONE = 0,
                 EXIT_NO = 1, /* The answer is no. */
                 EXIT_USAGE = 64,
                 EXIT_DATA = 65,
                 EXIT_NOT_FOUND = 66,
                 EXIT_UNREACHABLE = 69,
                 EXIT_BUG = 70,
                 EXIT_STORAGE = 74,
                 EXIT_AGAIN = 75,
                 EXIT_DENIED = 77,
                 EXIT_CONFIG = 78,
                 EXIT_INTERRUPTED = 130,
};

enum option_bit { /* Which options a command takes beside the common ones. */
                  OPTION_AFTER = 1 << 0,
                  OPTION_UNTIL_IDLE = 1 << 1,
                  OPTION_PARTY = 1 << 2,
                  OPTION_PRODUCT = 1 << 3,
                  OPTION_NEED = 1 << 4,
                  OPTION_OFFER = 1 << 5,
                  OPTION_STATE = 1 << 6,
                  OPTION_REASON = 1 << 7,
                  OPTION_REFUSED = 1 << 8,
                  OPTION_YES = 1 << 9,
                  OPTION_LIMIT = 1 << 10,
                  OPTION_DRY_RUN = 1 << 11,
                  OPTION_FORMAT = 1 << 12,
                  OPTION_OFFLINE = 1 << 13, /* --fairness, --lot, --set */
                  OPTION_EVERY = 1 << 14,
                  OPTION_OUT = 1 << 15,
                  OPTION_PROVE = 1 << 16,
                  OPTION_LANG = 1 << 17,
                  OPTION_KEY = 1 << 18, /* --roles, --from, --to */
                  OPTION_UNTIL = 1 << 19,
};

struct options {
    char *data;
    char *config;
    int json;
    int quiet;
    int no_color;
    int timeout_ms;
    long long after;
    int until_idle;
    char *party, *product, *need, *offer, *state, *reason;
    char *refused;
    int yes;
    int limit;
    int dry_run;
    char *format;
    char *fairness;
    int lot;
    char **set;
    char *every;
    char *out;
    int prove;
    char *lang;
    char *gateway, *dispatch, *key, *server_key;
    char *roles, *from, *to, *until;
};

struct cli {
    struct options options;
    const char *data;       /* The data directory in force. */
    bool is_json;           /* Objects instead of tables. */
    bool is_terminal;       /* Standard error is one: progress may be shown. */
    const char **arguments; /* Behind the verb; NULL ends. */
    size_t argument_count;
};

struct verb {
    const char *name;      /* "need put": one or two words. */
    const char *arguments; /* "FILE|-" for the help; empty when none. */
    size_t argument_min, argument_max;
    uint32_t options; /* enum option_bit */
    const char *text; /* One line. */
    int (*run)(struct cli *cli);
};

extern const struct verb verbs[];
extern const size_t verb_count;

/* cli/output.c */
void say(const struct cli *cli, const char *format, ...)
    PRINTF_LIKE(2, 3); /* Talk; silent with -q. */
int complain(int exit_code, const char *format, ...)
    PRINTF_LIKE(2, 3);                                    /* An error; gives the code. */
const char *group_digits(uint64_t number, char text[32]); /* "31 202" */
/* The number, or its opposite, as digits in `room`, which it borrows. */
#define DECIMAL_SIZE 24
struct bytes decimal(uint64_t number, bool is_negative, char room[DECIMAL_SIZE]);
int exit_of(enum maillon_status status);

struct progress { /* A bar on a terminal, nothing elsewhere. */
    const struct cli *cli;
    const char *what;
    uint64_t total, done;
    uint64_t started_ms, shown_ms;
};
void progress_start(struct progress *progress, const struct cli *cli, const char *what,
                    uint64_t total);
void progress_set(struct progress *progress, uint64_t done);
void progress_end(struct progress *progress);
uint64_t clock_ms(void); /* Monotonic. */

struct table {           /* Columns of text, aligned when it ends; numbers to the right. */
    struct buffer cells; /* Each ends with a zero byte. */
    size_t column_count;
    size_t cell_count;
};
void table_cell(struct table *table, const char *format, ...) PRINTF_LIKE(2, 3);
void table_print(struct table *table); /* The first row is the head. Empties it. */

/* JSON output: "key":value pairs of one object, built in a buffer. */
void json_open(struct buffer *target);
void json_uint(struct buffer *target, const char *key, uint64_t value);
void json_text(struct buffer *target, const char *key, struct bytes value);
void json_raw(struct buffer *target, const char *key, struct bytes value);
void json_close(struct buffer *target); /* And prints nothing: the caller does. */

/* cli/roles.c: requests to the control sockets of the roles. */
bool role_endpoint(const struct cli *cli, const char *role, const char *suffix, char endpoint[256]);

/* Asks and decodes; what `record` views lie in `arena`. */
enum maillon_status role_ask(const struct cli *cli, const char *role, const struct message *request,
                             const void *request_record, const struct message *answer, void *record,
                             struct arena *arena);
enum maillon_status role_report(const struct cli *cli, const char *role, struct report *report,
                                struct arena *arena);

/* Waits until everything taken in by now has reached the dispatcher's stream; gives its last
 * position. */
enum maillon_status wait_until_idle(const struct cli *cli, uint64_t *last);

/* cli/remote.c: whom to speak to and with which key: flags over the environment over the file. */
struct config;
struct remote {
    struct config *config;
    struct maillon_options options; /* Its texts live until remote_close. */
    char problem[MAILLON_PROBLEM_SIZE];
};
int remote_open(const struct cli *cli, struct remote *remote);
void remote_close(struct remote *remote);
int connection_open(const struct cli *cli, uint32_t window, struct maillon **connection);

/* cli/submit.c: one command, answered. Prints its receipt. */
int submit_one(struct cli *cli, const struct message *message, const void *command);

/* cli/submit.c: many commands through one connection. */
struct submitted; /* One command on its way. */
typedef void (*submit_done_fn)(void *context, uint64_t tag, const struct maillon_answer *answer);
struct submitter {
    struct maillon *connection;
    submit_done_fn done;
    void *context;
    uint64_t sent, answered;
};
int submitter_open(const struct cli *cli, struct submitter *submitter, submit_done_fn done,
                   void *context);
int submitter_send(struct submitter *submitter, const struct message *message, struct bytes body,
                   uint64_t tag); /* Waits while the window is full. EXIT_DONE or why not. */
int submitter_finish(struct submitter *submitter); /* Waits for every answer. */
void submitter_close(struct submitter *submitter);
void on_interrupt_stop(void); /* Ctrl-C ends waiting loops with EXIT_INTERRUPTED. */
bool is_interrupted(void);

/* The commands, one file each. */
int run_import(struct cli *cli);
int run_put(struct cli *cli);
int run_get(struct cli *cli);
int run_list(struct cli *cli);
int run_end(struct cli *cli); /* cancel, withdraw, release */
int run_assignment_list(struct cli *cli);
int run_assignment_get(struct cli *cli);
int run_assignment_answer(struct cli *cli);
int run_watch(struct cli *cli);
int run_explain(struct cli *cli);
int run_stats(struct cli *cli);
int run_check(struct cli *cli);
int run_verify(struct cli *cli);
int run_backup(struct cli *cli);
int run_restore(struct cli *cli);
int run_replay(struct cli *cli);
int run_plan(struct cli *cli);
int run_backtest(struct cli *cli);
int run_key_new(struct cli *cli);
int run_key_list(struct cli *cli);
int run_key_command(struct cli *cli);
int run_config(struct cli *cli);
int run_version(struct cli *cli);
int run_help(struct cli *cli);

/* The command that runs, for functions that serve several. */
extern const struct verb *running;

#endif
