/*
 * memory_client.c - for memory_test.py: a client of nobody, in which an allocation fails.
 *
 *     memory_client DIRECTORY
 *
 * Says what opening and submitting gave; "not reached" when no call of its own failed.
 */
#include "client/maillon.h"

#include <stdio.h>
#include <string.h>

static enum maillon_status submit(struct maillon *connection)
{
    static const unsigned char body[] = {0x81, 0xa1, 'x', 0x01};
    uint8_t id[MAILLON_ID_SIZE] = {1};

    return maillon_submit(connection, "need.put", id, body, sizeof body, NULL, NULL);
}

int main(int argc, char **argv)
{
    struct maillon_options options = {.size = sizeof options, .window = MAILLON_WINDOW_MAX};
    struct maillon *connection = NULL;

    if (argc != 2) {
        return MAILLON_USAGE;
    }
    options.data = argv[1];
    enum maillon_status status = maillon_open(&options, &connection);
    if (status == MAILLON_OK) {
        status = submit(connection);
    }
    maillon_close(connection);
    printf("%s\n", status == MAILLON_OK ? "not reached" : maillon_status_name(status));
    return status == MAILLON_OK || status == MAILLON_NO_MEMORY ? 0 : 1;
}
