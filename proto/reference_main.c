/*
 * reference_main.c - prints docs/protocol.md.
 */
#include "proto/proto.h"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    struct buffer text = {0};

    proto_reference(&text);
    size_t written = fwrite(text.data, 1, text.size, stdout);
    bool is_written = written == text.size && fflush(stdout) == 0;
    buffer_deinit(&text);
    return is_written ? EXIT_SUCCESS : EXIT_FAILURE;
}
