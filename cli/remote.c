/*
 * remote.c - whom to speak to, and with which key.
 */
#include "cli/cli.h"
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

static const char *given_or_null(const char *flag, const char *configured)
{
    if (flag != NULL) {
        return flag;
    }
    return configured[0] == '\0' ? NULL : configured;
}

int remote_open(const struct cli *cli, struct remote *remote)
{
    char problem[CONFIG_PROBLEM_SIZE] = "";

    if (config_open(cli->options.config, &remote->config, problem) != STATUS_OK) {
        return complain(EXIT_CONFIG, "%s", problem);
    }
    remote->problem[0] = '\0';
    remote->options = (struct maillon_options){
        .size = sizeof remote->options,
        .data = cli->data,
        .gateway = given_or_null(cli->options.gateway, remote->config->client.gateway),
        .dispatch = given_or_null(cli->options.dispatch, remote->config->client.dispatch),
        .timeout_ms = (uint32_t)cli->options.timeout_ms,
        .key = given_or_null(cli->options.key, remote->config->client.key),
        .server_key = given_or_null(cli->options.server_key, remote->config->client.server_key),
        .problem = remote->problem,
    };
    return EXIT_DONE;
}

void remote_close(struct remote *remote)
{
    config_close(remote->config);
}

int connection_open(const struct cli *cli, uint32_t window, struct maillon **connection)
{
    struct remote remote;
    int code = remote_open(cli, &remote);

    if (code != EXIT_DONE) {
        return code;
    }
    remote.options.window = window;
    enum maillon_status status = maillon_open(&remote.options, connection);
    if (status != MAILLON_OK) {
        code = remote.problem[0] != '\0'
                   ? complain(exit_of(status), "%s", remote.problem)
                   : complain(exit_of(status), "cannot use data directory \"%s\": %s", cli->data,
                              maillon_status_name(status));
    }
    remote_close(&remote);
    return code;
}
