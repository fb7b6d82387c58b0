/*
 * reference_main.c - prints docs/protocol.md, or with --json the tables for programs.
 */
#include "proto/proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 64

int main(int count, char **words)
{
    struct buffer text = {0};

    if (count == 1) {
        proto_reference(&text);
    } else if (count == 2 && strcmp(words[1], "--json") == 0) {
        proto_reference_json(&text);
    } else {
        fputs("usage: maillon-reference [--json]\n", stderr);
        return EXIT_USAGE;
    }
    size_t written = fwrite(text.data, 1, text.size, stdout);
    bool is_written = written == text.size && fflush(stdout) == 0;
    buffer_deinit(&text);
    return is_written ? EXIT_SUCCESS : EXIT_FAILURE;
}
