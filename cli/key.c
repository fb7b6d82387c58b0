/*
 * key.c - keys of people and programs.
 */
#include "cli/cli.h"
#include "identity/identity.h"

static void tell_key(const struct cli *cli, const char *path, const char *text)
{
    if (cli->is_json) {
        struct buffer line = {0};
        json_open(&line);
        json_text(&line, "file", bytes_from_text(path));
        json_text(&line, "public", bytes_from_text(text));
        json_close(&line);
        printf("%.*s\n", BYTES_ARGS(buffer_view(&line)));
        buffer_deinit(&line);
    } else {
        printf("%s\n", text);
    }
    say(cli, "keep %s to yourself; have %s.pub registered by an admin", path, path);
}

int run_key_new(struct cli *cli)
{
    const char *path = cli->arguments[0];
    char problem[IDENTITY_PROBLEM_SIZE] = "";
    char text[IDENTITY_TEXT_SIZE];
    struct identity *identity = NULL;

    if (identity_make(&identity) != STATUS_OK) {
        return complain(EXIT_STORAGE, "no memory for a key");
    }
    identity_text(identity_public(identity), text);
    enum status status = identity_write(identity, path, problem);
    identity_close(identity);
    if (status != STATUS_OK) {
        return complain(status == STATUS_EXISTS ? EXIT_NO : EXIT_STORAGE, "%s", problem);
    }
    tell_key(cli, path, text);
    return EXIT_DONE;
}
