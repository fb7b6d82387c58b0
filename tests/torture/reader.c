/*
 * reader.c - opens a view of the journal in DIRECTORY, says "ready" and stands still.
 */
#include "journal/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct journal_options options = {.path = argc == 2 ? argv[1] : "", .read_only = true};
    struct journal_reader *reader = NULL;
    struct journal *journal = NULL;

    if (journal_open(&options, &journal) != STATUS_OK ||
        journal_reader_open(journal, &reader) != STATUS_OK) {
        return EXIT_FAILURE;
    }
    puts("ready");
    fflush(stdout);
    pause();
    journal_reader_close(reader);
    journal_close(journal);
    return EXIT_SUCCESS;
}
