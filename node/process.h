/*
 * process.h - the real world of a role: one process with a loop, sockets and a journal.
 */
#ifndef NODE_PROCESS_H
#define NODE_PROCESS_H

#include "identity/identity.h"
#include "node/stage.h"

/* How a process ends, by sysexits.h. */
enum process_exit {
    PROCESS_DONE = 0,
    PROCESS_USAGE = 64,
    PROCESS_BAD_DATA = 65, /* The journal is damaged: nothing will get better by a restart. */
    PROCESS_UNAVAILABLE = 69,
    PROCESS_FAILED = 70, /* world->fail: what is known and what is stored do not fit. */
    PROCESS_OS = 71,
    PROCESS_IO = 74,    /* A commit failed: the next start finds out what is stored. */
    PROCESS_AGAIN = 75, /* Another process has the journal open. */
    PROCESS_CONFIG = 78,
};

struct process_options {
    const struct role *role;
    void *state;                 /* The role's, whose `close` ends it while the world is there. */
    const char *journal_path;    /* Its parent must exist. */
    const char *run_path;        /* An existing directory for sockets. */
    const char *client_endpoint; /* For this machine. NULL: the role has no clients. */
    const char *remote_endpoint; /* A second one, NULL for none. */
    struct identity *identity;   /* The server's key, taken; NULL when no endpoint needs one. */
    const char *upstream;        /* The role whose feed it reads; NULL for a source. */
    const char *watched;         /* The role whose feed it reads for keys alone; NULL for none. */
    uint32_t partition;
    uint64_t journal_size_max;
    uint64_t journal_reserve;
    size_t checkpoint_entries;
    uint64_t keep_entries;
    void (*reload)(void *context); /* Optional: SIGHUP came. */
    void *reload_context;
};

/* Runs the role until SIGTERM or SIGINT, or until it cannot go on, and logs why. Upstream
 * and downstream may come and go in any order. Returns an enum process_exit. */
int process_run(const struct process_options *options);

#endif
