#include "client/credentials.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static_assert(MAILLON_PROBLEM_SIZE == IDENTITY_PROBLEM_SIZE, "one is copied to the other");

static enum maillon_status complain(const struct maillon_options *options, const char *problem)
{
    if (options->problem != NULL) {
        (void)snprintf(options->problem, MAILLON_PROBLEM_SIZE, "%s", problem);
    }
    return MAILLON_CONFIG;
}

enum maillon_status credentials_read(const struct maillon_options *options,
                                     struct credentials *keys)
{
    char problem[IDENTITY_PROBLEM_SIZE] = "";

    *keys = (struct credentials){.identity = NULL};
    if (options->key == NULL) {
        return MAILLON_OK;
    }
    if (options->server_key == NULL) {
        return complain(options, "a key is given, and no server key to speak to");
    }
    if (identity_read_public(options->server_key, keys->server_key, problem) != STATUS_OK) {
        return complain(options, problem);
    }
    enum status status = identity_read(options->key, &keys->identity, problem);
    if (status == STATUS_NO_MEMORY) {
        return MAILLON_NO_MEMORY;
    }
    return status == STATUS_OK ? MAILLON_OK : complain(options, problem);
}

void credentials_release(struct credentials *keys)
{
    identity_close(keys->identity);
    keys->identity = NULL;
}

bool credentials_are_for(const char *endpoint)
{
    return strncmp(endpoint, "tcp://", strlen("tcp://")) == 0;
}

enum maillon_status credentials_check(const struct credentials *keys, const char *endpoint,
                                      const struct maillon_options *options)
{
    if (credentials_are_for(endpoint) && keys->identity == NULL) {
        return complain(options, "a tcp endpoint needs a key and the server's public key");
    }
    return MAILLON_OK;
}
