/*
 * supervisor.c - one process a role.
 *
 *     WAITING ──timer──▶ RUNNING ──READY=1──▶ READY
 *        ▲                  │                   │
 *        └───── ended ──────┴───────────────────┘       stopping: GONE instead of WAITING
 *
 * Stopping goes role by role: TERM, the end or KILL after a while, the next role.
 */
#include "node/supervisor.h"

#include "node/log.h"
#include "node/loop.h"
#include "node/process.h"
#include "node/socket_path.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <uv.h>

#define LIVED_MS 10000 /* After so long a life the next restart comes quickly again. */
#define TICK_MS 500
#define WATCHDOG_MS 15000 /* Without a sign of life for so long a role is killed. */
#define NOTE_SIZE_MAX 4096
#define ARGUMENT_COUNT_MAX 128
#define PARENT_VARIABLE "MAILLON_SUPERVISOR"

enum child_state {
    CHILD_WAITING,
    CHILD_RUNNING,
    CHILD_READY,
    CHILD_GONE,
};

struct child {
    struct supervisor *supervisor;
    const char *role;
    enum child_state state;
    uv_process_t *handle; /* NULL while there is no process. */
    int pid;
    uint64_t started_ms;
    uint64_t alive_ms; /* The last sign of life. */
    uint64_t restart_ms;
    struct timer *restart;
};

struct supervisor {
    struct supervisor_options options;
    struct loop *loop;
    struct child children[SUPERVISOR_ROLE_COUNT_MAX];
    struct timer *tick;
    struct timer *kill;
    int notes; /* The socket behind NOTIFY_SOCKET. */
    char notes_path[SOCKET_PATH_SIZE];
    bool is_stopping;
    bool was_ready;
    uint64_t watchdog_ms; /* Of this process, towards systemd. */
    uint64_t watchdog_sent_ms;
    int exit_code;
};

void supervisor_bind_child(void)
{
    const char *parent = getenv(PARENT_VARIABLE);

    if (parent == NULL) {
        return;
    }
    /* A crash is what every role is made for: KILL, so that nothing can hold it up. */
    ENSURE(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    if (strtol(parent, NULL, 10) != getppid()) {
        _exit(PROCESS_UNAVAILABLE); /* It ended before the line above. */
    }
}

/* --- Stopping ------------------------------------------------------------------------------ */

static bool has_process(const struct child *child)
{
    return child->handle != NULL;
}

/* Tells the first role that still runs to end; when there is none, the loop ends. */
static void stop_next(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->options.role_count; i++) {
        struct child *child = &supervisor->children[i];
        timer_stop(child->restart);
        if (has_process(child)) {
            uv_process_kill(child->handle, SIGTERM);
            timer_start(supervisor->kill, (uint64_t)supervisor->options.stop_seconds * 1000, 0);
            return;
        }
        child->state = CHILD_GONE;
    }
    loop_stop(supervisor->loop);
}

static void stop(struct supervisor *supervisor, int exit_code)
{
    if (!supervisor->is_stopping) {
        supervisor->is_stopping = true;
        supervisor->exit_code = exit_code;
        sd_notify(0, "STOPPING=1");
        stop_next(supervisor);
    }
}

static void on_kill(void *context)
{
    struct supervisor *supervisor = context;

    for (size_t i = 0; i < supervisor->options.role_count; i++) {
        struct child *child = &supervisor->children[i];
        if (has_process(child)) {
            log_warn("a role does not stop: killing it", LOG_TEXT("child", child->role));
            uv_process_kill(child->handle, SIGKILL);
            return;
        }
    }
}

static void on_signal(void *context, int number)
{
    struct supervisor *supervisor = context;

    if (number != SIGHUP) {
        log_info("stopping", LOG_TEXT("signal", number == SIGINT ? "INT" : "TERM"));
        stop(supervisor, PROCESS_DONE);
        return;
    }
    for (size_t i = 0; i < supervisor->options.role_count; i++) {
        if (has_process(&supervisor->children[i])) {
            uv_process_kill(supervisor->children[i].handle, SIGHUP);
        }
    }
}

/* --- Starting, and starting again ------------------------------------------------------------ */

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static bool is_final(int64_t exit_code)
{
    return exit_code == PROCESS_CONFIG || exit_code == PROCESS_BAD_DATA ||
           exit_code == PROCESS_USAGE;
}

static void restart_later(struct child *child, int64_t exit_code, int signal_number)
{
    const struct supervisor_options *options = &child->supervisor->options;
    uint64_t lived_ms = loop_now_ms(child->supervisor->loop) - child->started_ms;

    if (lived_ms >= LIVED_MS || child->restart_ms == 0) {
        child->restart_ms = options->restart_ms_min;
    }
    log_warn("a role ended and is started again", LOG_TEXT("child", child->role),
             LOG_INT("exit", exit_code), LOG_INT("signal", signal_number),
             LOG_UINT("lived_ms", lived_ms), LOG_UINT("in_ms", child->restart_ms));
    child->state = CHILD_WAITING;
    timer_start(child->restart, child->restart_ms, 0);
    child->restart_ms = child->restart_ms * 2 < options->restart_ms_max ? child->restart_ms * 2
                                                                        : options->restart_ms_max;
}

static void on_child_exit(uv_process_t *handle, int64_t exit_code, int signal_number)
{
    struct child *child = handle->data;
    struct supervisor *supervisor = child->supervisor;

    uv_close((uv_handle_t *)handle, free_handle);
    child->handle = NULL;
    if (supervisor->is_stopping) {
        timer_stop(supervisor->kill);
        stop_next(supervisor);
    } else if (is_final(exit_code)) {
        log_error("a role cannot run and a restart would not help: stopping everything",
                  LOG_TEXT("child", child->role), LOG_INT("exit", exit_code));
        stop(supervisor, (int)exit_code);
    } else {
        restart_later(child, exit_code, signal_number);
    }
}

/* The environment of this process with what a child needs to report. The caller owns the array
 * and the strings in `own`. */
static char **make_environment(const struct supervisor *supervisor, char own[3][160])
{
    static const char *const replaced[] = {"NOTIFY_SOCKET=", "WATCHDOG_", PARENT_VARIABLE "="};
    size_t count = 0;

    while (environ[count] != NULL) {
        count++;
    }
    char **variables = memory_take(count + 4, sizeof *variables);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_kept = true;
        for (size_t j = 0; j < COUNT_OF(replaced); j++) {
            is_kept = is_kept && strncmp(environ[i], replaced[j], strlen(replaced[j])) != 0;
        }
        if (is_kept) {
            variables[kept++] = environ[i];
        }
    }
    snprintf(own[0], sizeof own[0], "NOTIFY_SOCKET=%s", supervisor->notes_path);
    snprintf(own[1], sizeof own[1], "WATCHDOG_USEC=%d", WATCHDOG_MS * 1000);
    snprintf(own[2], sizeof own[2], PARENT_VARIABLE "=%d", (int)getpid());
    for (size_t i = 0; i < 3; i++) {
        variables[kept++] = own[i];
    }
    return variables;
}

static void make_arguments(const struct child *child, char *arguments[ARGUMENT_COUNT_MAX])
{
    char **given = child->supervisor->options.arguments;
    size_t count = 0;

    arguments[count++] = given[0];
    arguments[count++] = (char *)(uintptr_t)child->role;
    for (size_t i = 1; given[i] != NULL; i++) {
        ENSURE(count + 1 < ARGUMENT_COUNT_MAX);
        arguments[count++] = given[i];
    }
    arguments[count] = NULL;
}

/* Detached from the terminal: Ctrl-C is the supervisor's, which then stops the roles in order. */
static int spawn(struct child *child)
{
    struct supervisor *supervisor = child->supervisor;
    char *arguments[ARGUMENT_COUNT_MAX];
    char own[3][160];
    uv_stdio_container_t standard[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDOUT_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };

    make_arguments(child, arguments);
    uv_process_options_t options = {
        .exit_cb = on_child_exit,
        .file = "/proc/self/exe",
        .args = arguments,
        .env = make_environment(supervisor, own),
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = 3,
        .stdio = standard,
    };
    child->handle = memory_take(1, sizeof *child->handle);
    child->handle->data = child;
    int code = uv_spawn(loop_uv(supervisor->loop), child->handle, &options);
    free(options.env);
    if (code != 0) {
        uv_close((uv_handle_t *)child->handle, free_handle);
        child->handle = NULL;
    }
    return code;
}

static void on_restart(void *context)
{
    struct child *child = context;

    child->started_ms = child->alive_ms = loop_now_ms(child->supervisor->loop);
    int code = spawn(child);
    if (code != 0) {
        log_error("a role does not start", LOG_TEXT("child", child->role),
                  LOG_TEXT("why", uv_strerror(code)));
        restart_later(child, PROCESS_OS, 0);
        return;
    }
    child->state = CHILD_RUNNING;
    child->pid = child->handle->pid;
}

/* --- What the roles tell -----------------------------------------------------------------------
 */

static bool is_all_ready(const struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->options.role_count; i++) {
        if (supervisor->children[i].state != CHILD_READY) {
            return false;
        }
    }
    return true;
}

static void note(struct supervisor *supervisor, struct child *child, const char *text)
{
    child->alive_ms = loop_now_ms(supervisor->loop);
    if (strstr(text, "READY=1") == NULL || child->state != CHILD_RUNNING) {
        return;
    }
    child->state = CHILD_READY;
    if (!supervisor->was_ready && is_all_ready(supervisor)) {
        supervisor->was_ready = true;
        sd_notify(0, "READY=1\nSTATUS=every role is live");
        if (supervisor->options.ready != NULL) {
            supervisor->options.ready(supervisor->options.ready_context);
        }
    }
}

/* Receives one note and the process id that the kernel vouches for. False when there is none. */
static bool receive_note(int descriptor, char text[NOTE_SIZE_MAX], int *pid)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = {.iov_base = text, .iov_len = NOTE_SIZE_MAX - 1};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    ssize_t size = recvmsg(descriptor, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (size < 0) {
        return false;
    }
    text[size] = '\0';
    *pid = 0;
    const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (head != NULL && head->cmsg_type == SCM_CREDENTIALS) {
        struct ucred sender;
        memcpy(&sender, CMSG_DATA(head), sizeof sender);
        *pid = sender.pid;
    }
    return true;
}

static void on_notes(uv_poll_t *handle, int status, int events)
{
    struct supervisor *supervisor = handle->data;
    char text[NOTE_SIZE_MAX];
    int pid = 0;

    (void)events;
    while (status == 0 && receive_note(supervisor->notes, text, &pid)) {
        for (size_t i = 0; i < supervisor->options.role_count; i++) {
            struct child *child = &supervisor->children[i];
            if (has_process(child) && child->pid == pid) {
                note(supervisor, child, text);
            }
        }
    }
}

static void on_tick(void *context)
{
    struct supervisor *supervisor = context;
    uint64_t now = loop_now_ms(supervisor->loop);

    for (size_t i = 0; i < supervisor->options.role_count; i++) {
        struct child *child = &supervisor->children[i];
        bool is_silent = child->state == CHILD_READY && now - child->alive_ms >= WATCHDOG_MS;
        if (has_process(child) && is_silent) {
            log_error("a role gives no sign of life: killing it", LOG_TEXT("child", child->role));
            child->alive_ms = now;
            uv_process_kill(child->handle, SIGKILL);
        }
    }
    if (supervisor->watchdog_ms > 0 &&
        now - supervisor->watchdog_sent_ms >= supervisor->watchdog_ms) {
        supervisor->watchdog_sent_ms = now;
        sd_notify(0, "WATCHDOG=1");
    }
}

/* --- Start and end -------------------------------------------------------------------------------
 */

static enum status open_notes(struct supervisor *supervisor)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int on = 1;
    enum status status =
        socket_path(supervisor->options.run_path, "supervisor", "notify", supervisor->notes_path);

    if (status != STATUS_OK) {
        return status;
    }
    memcpy(address.sun_path, supervisor->notes_path, SOCKET_PATH_SIZE);
    supervisor->notes = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (supervisor->notes < 0) {
        return STATUS_IO;
    }
    (void)unlink(supervisor->notes_path);
    if (setsockopt(supervisor->notes, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0 ||
        bind(supervisor->notes, (struct sockaddr *)&address, sizeof address) != 0) {
        return STATUS_IO;
    }
    uv_poll_t *handle = memory_take(1, sizeof *handle);
    handle->data = supervisor;
    ENSURE(uv_poll_init(loop_uv(supervisor->loop), handle, supervisor->notes) == 0);
    ENSURE(uv_poll_start(handle, UV_READABLE, on_notes) == 0);
    return STATUS_OK;
}

static void start_children(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->options.role_count; i++) {
        struct child *child = &supervisor->children[i];
        child->supervisor = supervisor;
        child->role = supervisor->options.roles[i];
        child->restart = loop_timer(supervisor->loop, on_restart, child);
        timer_start(child->restart, 0, 0);
    }
}

static void init_loop_parts(struct supervisor *supervisor)
{
    uint64_t watchdog_micros = 0;

    supervisor->tick = loop_timer(supervisor->loop, on_tick, supervisor);
    supervisor->kill = loop_timer(supervisor->loop, on_kill, supervisor);
    timer_start(supervisor->tick, TICK_MS, TICK_MS);
    loop_on_signal(supervisor->loop, SIGTERM, on_signal, supervisor);
    loop_on_signal(supervisor->loop, SIGINT, on_signal, supervisor);
    loop_on_signal(supervisor->loop, SIGHUP, on_signal, supervisor);
    if (sd_watchdog_enabled(0, &watchdog_micros) > 0) {
        supervisor->watchdog_ms = watchdog_micros / 3000;
    }
}

static void close_notes(struct supervisor *supervisor)
{
    if (supervisor->notes >= 0) {
        close(supervisor->notes);
        (void)unlink(supervisor->notes_path);
    }
}

int supervisor_run(const struct supervisor_options *options)
{
    struct supervisor supervisor = {.options = *options, .notes = -1};

    ENSURE(options->role_count <= SUPERVISOR_ROLE_COUNT_MAX);
    signal(SIGPIPE, SIG_IGN);
    if (loop_open(&supervisor.loop) != STATUS_OK) {
        log_error("the loop does not start");
        return PROCESS_OS;
    }
    init_loop_parts(&supervisor);
    enum status status = open_notes(&supervisor);
    if (status == STATUS_OK) {
        start_children(&supervisor);
        loop_run(supervisor.loop);
    } else {
        log_error("the supervisor's socket does not open", LOG_STATUS(status),
                  LOG_TEXT("run", options->run_path));
        supervisor.exit_code = PROCESS_IO;
    }
    loop_close(supervisor.loop);
    close_notes(&supervisor);
    log_info("stopped", LOG_INT("exit", supervisor.exit_code));
    return supervisor.exit_code;
}
