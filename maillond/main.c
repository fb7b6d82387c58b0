/*
 * main.c - maillond: one role, or all of them under a supervisor.
 *
 *     DATA/ROLE/     the role's journal
 *     DATA/run/      sockets, for this user alone
 */
#include "config/config.h"
#include "maillond/init.h"
#include "maillond/roles.h"
#include "node/log.h"
#include "node/process.h"
#include "node/socket_path.h"
#include "node/supervisor.h"

#include <errno.h>
#include <malloc.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTING_COUNT_MAX 64
#define PATH_SIZE 4096
#define MEGABYTE ((uint64_t)1 << 20)
#define GIGABYTE ((uint64_t)1 << 30)

struct setting {
    char *key; /* Owned. */
    char *value;
};

struct program {
    char *config_path;
    struct setting settings[SETTING_COUNT_MAX]; /* In the order of the command line. */
    size_t setting_count;
    bool is_check;
    bool is_version;
    bool is_init;
    const char *role; /* NULL: all. */
    struct config *config;
    struct identity *identity; /* NULL when no endpoint needs it. */
    char run_path[PATH_SIZE];
    poptContext popt;
};

enum option {
    OPTION_DATA = 1,
    OPTION_CONFIG,
    OPTION_SET,
    OPTION_CHECK,
    OPTION_LOG_LEVEL,
    OPTION_VERSION,
};

static const struct poptOption OPTIONS[] = {
    {"data", 'd', POPT_ARG_STRING, NULL, OPTION_DATA, "Directory that holds everything", "DIR"},
    {"config", 'c', POPT_ARG_STRING, NULL, OPTION_CONFIG, "Configuration file", "FILE"},
    {"set", 's', POPT_ARG_STRING, NULL, OPTION_SET, "One key of the configuration", "KEY=VALUE"},
    {"check-config", 0, POPT_ARG_NONE, NULL, OPTION_CHECK, "Print the configuration and end", NULL},
    {"log-level", 'l', POPT_ARG_STRING, NULL, OPTION_LOG_LEVEL, "debug, info, warn or error",
     "LEVEL"},
    {"version", 'V', POPT_ARG_NONE, NULL, OPTION_VERSION, "Print the version and end", NULL},
    POPT_AUTOHELP POPT_TABLEEND};

/* --- Command line ---------------------------------------------------------------------- */

/* Takes `value`. */
static int add_setting(struct program *program, const char *key, char *value)
{
    if (program->setting_count == SETTING_COUNT_MAX) {
        fprintf(stderr, "maillond: more than %d settings\n", SETTING_COUNT_MAX);
        free(value);
        return PROCESS_USAGE;
    }
    program->settings[program->setting_count++] =
        (struct setting){.key = strdup(key), .value = value};
    return PROCESS_DONE;
}

/* Takes `pair`. */
static int add_pair(struct program *program, char *pair)
{
    char *equals = strchr(pair, '=');

    if (equals == NULL) {
        fprintf(stderr, "maillond: --set wants KEY=VALUE, not \"%s\"\n", pair);
        free(pair);
        return PROCESS_USAGE;
    }
    *equals = '\0';
    int code = add_setting(program, pair, strdup(equals + 1));
    free(pair);
    return code;
}

static int take_option(struct program *program, enum option option)
{
    char *argument = poptGetOptArg(program->popt);

    switch (option) {
    case OPTION_DATA:
        return add_setting(program, "data", argument);
    case OPTION_LOG_LEVEL:
        return add_setting(program, "log.level", argument);
    case OPTION_SET:
        return add_pair(program, argument);
    case OPTION_CONFIG:
        free(program->config_path);
        program->config_path = argument;
        return PROCESS_DONE;
    case OPTION_CHECK:
        program->is_check = true;
        return PROCESS_DONE;
    case OPTION_VERSION:
        program->is_version = true;
        return PROCESS_DONE;
    }
    UNREACHABLE();
}

static int read_arguments(struct program *program, int argc, const char **argv)
{
    int code = PROCESS_DONE;
    int option = 0;

    program->popt = poptGetContext("maillond", argc, argv, OPTIONS, 0);
    poptSetOtherOptionHelp(program->popt,
                           "[OPTION...] [gateway|match|allocate|dispatch|init [DIR]]");
    while (code == PROCESS_DONE && (option = poptGetNextOpt(program->popt)) > 0) {
        code = take_option(program, (enum option)option);
    }
    if (code == PROCESS_DONE && option < -1) {
        fprintf(stderr, "maillond: %s: %s; see --help\n",
                poptBadOption(program->popt, POPT_BADOPTION_NOALIAS), poptStrerror(option));
        return PROCESS_USAGE;
    }
    program->role = poptGetArg(program->popt);
    if (code == PROCESS_DONE && program->role != NULL && strcmp(program->role, "init") == 0) {
        const char *folder = poptGetArg(program->popt);
        program->is_init = true;
        code = folder == NULL ? PROCESS_DONE : add_setting(program, "data", strdup(folder));
    }
    if (code == PROCESS_DONE && poptPeekArg(program->popt) != NULL) {
        fprintf(stderr, "maillond: one role at most; see --help\n");
        return PROCESS_USAGE;
    }
    return code;
}

/* --- Configuration and directories --------------------------------------------------------- */

static int read_config(const struct program *program, struct config **config)
{
    char problem[CONFIG_PROBLEM_SIZE] = "";
    struct config *opened = NULL;
    enum status status = config_open(program->config_path, &opened, problem);

    for (size_t i = 0; i < program->setting_count && status == STATUS_OK; i++) {
        const struct setting *setting = &program->settings[i];
        status = config_set(opened, setting->key, setting->value, problem);
    }
    if (status != STATUS_OK) {
        fprintf(stderr, "maillond: %s\n", problem);
        config_close(opened);
        return PROCESS_CONFIG;
    }
    *config = opened;
    return PROCESS_DONE;
}

static int make_directory(const char *path, mode_t mode)
{
    if (mkdir(path, mode) != 0 && errno != EEXIST) {
        fprintf(stderr, "maillond: cannot make %s: %s\n", path, strerror(errno));
        return PROCESS_IO;
    }
    return PROCESS_DONE;
}

/* What anybody else could write to is no place for sockets that trust whoever reaches them. */
static int check_run_directory(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != geteuid() ||
        (status.st_mode & 077) != 0) {
        fprintf(stderr, "maillond: %s must be a directory of this user with mode 0700\n", path);
        return PROCESS_CONFIG;
    }
    return PROCESS_DONE;
}

static int make_directories(struct program *program)
{
    const char *data = program->config->data;
    char path[SOCKET_PATH_SIZE];

    snprintf(program->run_path, sizeof program->run_path, "%s/run", data);
    if (socket_path(program->run_path, "supervisor", "notify", path) != STATUS_OK) {
        fprintf(stderr,
                "maillond: the data directory's name is too long: sockets in %s/run would have "
                "more than %d bytes; choose a shorter one, or a relative one\n",
                data, SOCKET_PATH_SIZE - 1);
        return PROCESS_CONFIG;
    }
    int code = make_directory(data, 0750);
    if (code == PROCESS_DONE) {
        code = make_directory(program->run_path, 0700);
    }
    return code == PROCESS_DONE ? check_run_directory(program->run_path) : code;
}

static void start_log(const struct program *program)
{
    enum log_level level = LEVEL_INFO;
    enum log_format format = FORMAT_LOGFMT;

    ENSURE(log_level_from_text(program->config->log.level, &level) == STATUS_OK);
    ENSURE(log_format_from_text(program->config->log.format, &format) == STATUS_OK);
    log_init(program->role != NULL ? program->role : "supervisor", level, format);
}

/* --- Running ---------------------------------------------------------------------------------- */

/* SIGHUP: of what changed, only the level takes effect while a role runs. */
static void reload(void *context)
{
    const struct program *program = context;
    struct config *config = NULL;
    enum log_level level = LEVEL_INFO;

    if (read_config(program, &config) != PROCESS_DONE) {
        log_warn("the configuration is wrong: nothing was changed");
        return;
    }
    ENSURE(log_level_from_text(config->log.level, &level) == STATUS_OK);
    log_set_level(level);
    log_info("the log's level was read again", LOG_TEXT("log.level", config->log.level));
    config_close(config);
}

static int run_instance(struct program *program, const struct role_instance *instance)
{
    const struct config *config = program->config;
    char endpoint[SOCKET_ENDPOINT_SIZE];
    char configured[CONFIG_ENDPOINT_SIZE];
    char journal_path[PATH_SIZE];

    int size = snprintf(endpoint, sizeof endpoint, "ipc://%s/%s", program->run_path, program->role);
    if (instance->has_clients &&
        (size < 0 || (size_t)size >= sizeof endpoint ||
         config_endpoint(config, program->role, configured) != STATUS_OK)) {
        log_error("the role's endpoint is too long");
        role_close(instance);
        return PROCESS_CONFIG;
    }
    bool has_second = instance->has_clients && strcmp(endpoint, configured) != 0;
    struct identity *identity = NULL; /* The process takes it; who has no use for it, forgets it. */
    if (has_second && config_is_remote(configured)) {
        identity = program->identity;
    } else {
        identity_close(program->identity);
    }
    program->identity = NULL;
    snprintf(journal_path, sizeof journal_path, "%s/%s", config->data, program->role);
    return process_run(&(struct process_options){
        .role = instance->role,
        .state = instance->state,
        .journal_path = journal_path,
        .run_path = program->run_path,
        .client_endpoint = instance->has_clients ? endpoint : NULL,
        .remote_endpoint = has_second ? configured : NULL,
        .identity = identity,
        .upstream = instance->upstream,
        .watched = instance->watched,
        .journal_size_max = config->journal.map_size_gb * GIGABYTE,
        .journal_reserve = config->journal.reserve_mb * MEGABYTE,
        .checkpoint_entries = config->journal.checkpoint_entries,
        .keep_entries = instance->keep_entries,
        .reload = reload,
        .reload_context = program,
    });
}

static int run_role(struct program *program)
{
    struct role_instance instance;

    supervisor_bind_child();
    if (!role_open(program->role, program->config, &instance)) {
        fprintf(stderr, "maillond: there is no role \"%s\"; see --help\n", program->role);
        return PROCESS_USAGE;
    }
    return run_instance(program, &instance);
}

static void tell_ready(void *context)
{
    const struct program *program = context;

    printf("maillond %s is ready in %s\n", PROJECT_VERSION, program->config->data);
    fflush(stdout);
}

static int run_all(struct program *program, char **argv)
{
    return supervisor_run(&(struct supervisor_options){
        .roles = ROLE_NAMES,
        .role_count = ROLE_COUNT,
        .arguments = argv,
        .run_path = program->run_path,
        .restart_ms_min = program->config->supervisor.restart_ms_min,
        .restart_ms_max = program->config->supervisor.restart_ms_max,
        .stop_seconds = program->config->supervisor.stop_seconds,
        .ready = tell_ready,
        .ready_context = program,
    });
}

static int run(struct program *program, char **argv)
{
    if (program->is_version) {
        printf("maillond %s\n", PROJECT_VERSION);
        return PROCESS_DONE;
    }
    int code = read_config(program, &program->config);
    if (code != PROCESS_DONE) {
        return code;
    }
    if (program->is_init) {
        return init_keys(program->config);
    }
    code = init_check_first_admin(program->config);
    if (code != PROCESS_DONE) {
        return code;
    }
    code = init_read_server(program->config, &program->identity);
    if (code != PROCESS_DONE) {
        return code;
    }
    if (program->is_check) {
        config_print(program->config, stdout);
        return PROCESS_DONE;
    }
    code = make_directories(program);
    if (code != PROCESS_DONE) {
        return code;
    }
    start_log(program);
    if (program->role != NULL) {
        return run_role(program);
    }
    identity_close(program->identity); /* Each role reads it for itself. */
    program->identity = NULL;
    return run_all(program, argv);
}

static void release(struct program *program)
{
    for (size_t i = 0; i < program->setting_count; i++) {
        free(program->settings[i].key);
        free(program->settings[i].value);
    }
    free(program->config_path);
    identity_close(program->identity);
    config_close(program->config);
    poptFreeContext(program->popt);
}

/* State is taken once and kept, by one thread; what a commit takes beside it goes back at once.
 * So one arena serves both, and holds no memory that nobody uses. */
static void set_memory(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TRIM_THRESHOLD, MEGABYTE);
}

/* A descriptor for each client, as many as the system allows. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    struct program program = {.role = NULL};

    set_memory();
    raise_descriptors();
    int code = read_arguments(&program, argc, (const char **)argv);

    umask(027);
    if (code == PROCESS_DONE) {
        code = run(&program, argv);
    }
    release(&program);
    return code;
}
