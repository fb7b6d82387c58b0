/*
 * config_verbs.c - config show and config check.
 */
#include "cli/cli.h"
#include "config/config.h"

#include <string.h>

int run_config(struct cli *cli)
{
    char problem[CONFIG_PROBLEM_SIZE] = "";
    struct config *config = NULL;
    const char *path = cli->argument_count > 0 ? cli->arguments[0] : cli->options.config;

    if (config_open(path, &config, problem) != STATUS_OK) {
        return complain(EXIT_CONFIG, "%s", problem);
    }
    if (strcmp(running->name, "config show") == 0) {
        config_print(config, stdout);
    } else {
        say(cli, "%s: good", path == NULL ? "defaults" : path);
    }
    config_close(config);
    return EXIT_DONE;
}
