/*
 * place.c - under /dev/shm where there is one, so that a million runs touch no disk.
 */
#include "tests/fuzz/place.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DESCRIPTOR_COUNT 8

static char directory[64];

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

static void remove_all(void)
{
    (void)nftw(directory, remove_one, DESCRIPTOR_COUNT, FTW_DEPTH | FTW_PHYS);
}

static void make_directory(void)
{
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    snprintf(directory, sizeof directory, "%s/maillon-fuzz-XXXXXX", parent);
    ENSURE(mkdtemp(directory) != NULL);
    ENSURE(atexit(remove_all) == 0);
}

void place_path(const char *name, char path[PLACE_PATH_SIZE])
{
    if (directory[0] == '\0') {
        make_directory();
    }
    snprintf(path, PLACE_PATH_SIZE, "%s/%s", directory, name);
}

void place_write(const char *path, struct bytes bytes)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    ENSURE(file >= 0);
    ENSURE(bytes.size == 0 || write(file, bytes.data, bytes.size) == (ssize_t)bytes.size);
    ENSURE(close(file) == 0);
}
