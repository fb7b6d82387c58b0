#include "maillond/init.h"

#include "node/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 512
#define FILE_SIZE (PATH_SIZE + 16) /* A file of the folder. */

static const char *const NAMES[] = {"server", "admin"};

static int make_folder(const char *path, mode_t mode)
{
    if (mkdir(path, mode) != 0 && errno != EEXIST) {
        fprintf(stderr, "maillond: cannot make %s: %s\n", path, strerror(errno));
        return PROCESS_IO;
    }
    return PROCESS_DONE;
}

/* Both pairs or none. */
static int write_pairs(struct identity *const pairs[], const char *folder)
{
    char problem[IDENTITY_PROBLEM_SIZE] = "";
    char path[FILE_SIZE];

    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, NAMES[i]);
        enum status status = identity_write(pairs[i], path, problem);
        if (status == STATUS_OK) {
            continue;
        }
        fprintf(stderr, "maillond: %s\n", problem);
        for (size_t done = 0; done < i; done++) {
            snprintf(path, sizeof path, "%s/%s", folder, NAMES[done]);
            unlink(path);
            snprintf(path, sizeof path, "%s/%s.pub", folder, NAMES[done]);
            unlink(path);
        }
        return status == STATUS_EXISTS ? PROCESS_CONFIG : PROCESS_IO;
    }
    return PROCESS_DONE;
}

static void tell(struct identity *const pairs[], const char *folder)
{
    char text[IDENTITY_TEXT_SIZE];

    identity_text(identity_public(pairs[0]), text);
    printf("the system's key:      %s/server (public: %s)\n", folder, text);
    identity_text(identity_public(pairs[1]), text);
    printf("the first admin's key: %s/admin (public: %s)\n", folder, text);
    printf(
        "Hand %s/admin to the first admin and remove it here; give server.pub to every client.\n",
        folder);
}

static int make_pairs(struct identity *pairs[])
{
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        if (identity_make(&pairs[i]) != STATUS_OK) {
            fprintf(stderr, "maillond: no memory for keys\n");
            return PROCESS_OS;
        }
    }
    return PROCESS_DONE;
}

int init_keys(const struct config *config)
{
    struct identity *pairs[COUNT_OF(NAMES)] = {NULL};
    char folder[PATH_SIZE];
    int code = make_folder(config->data, 0750);

    snprintf(folder, sizeof folder, "%s/keys", config->data);
    if (code == PROCESS_DONE) {
        code = make_folder(folder, 0700);
    }
    if (code == PROCESS_DONE) {
        code = make_pairs(pairs);
    }
    if (code == PROCESS_DONE) {
        code = write_pairs(pairs, folder);
    }
    if (code == PROCESS_DONE) {
        tell(pairs, folder);
    }
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        identity_close(pairs[i]);
    }
    return code;
}

/* The configuration's key of the first endpoint that other machines can reach, or NULL. */
static const char *remote_endpoint(const struct config *config)
{
    if (config_is_remote(config->gateway.endpoint)) {
        return "gateway.endpoint";
    }
    return config_is_remote(config->dispatch.endpoint) ? "dispatch.endpoint" : NULL;
}

int init_check_first_admin(const struct config *config)
{
    char problem[IDENTITY_PROBLEM_SIZE] = "";
    char path[CONFIG_FILE_SIZE];
    uint8_t key[IDENTITY_KEY_SIZE];

    config_key_file(config, "first_admin", path);
    enum status status = identity_read_public(path, key, problem);
    bool is_given = config->keys.first_admin[0] != '\0';
    if (status == STATUS_OK || (status == STATUS_NOT_FOUND && !is_given)) {
        return PROCESS_DONE;
    }
    fprintf(stderr, "maillond: \"keys.first_admin\": %s\n", problem);
    return PROCESS_CONFIG;
}

int init_read_server(const struct config *config, struct identity **identity)
{
    const char *key = remote_endpoint(config);
    char problem[IDENTITY_PROBLEM_SIZE] = "";
    char path[CONFIG_FILE_SIZE];

    *identity = NULL;
    if (key == NULL) {
        return PROCESS_DONE;
    }
    config_key_file(config, "server", path);
    if (identity_read(path, identity, problem) == STATUS_OK) {
        return PROCESS_DONE;
    }
    fprintf(stderr,
            "maillond: \"%s\" is a tcp endpoint and needs the key that \"keys.server\" names: %s; "
            "'maillond init' makes one\n",
            key, problem);
    return PROCESS_CONFIG;
}
