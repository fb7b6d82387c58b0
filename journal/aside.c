/*
 * aside.c - making a directory whole before anyone can find it.
 *
 * Made under a name of its own, file and directory synced, renamed, parent synced. A crash
 * leaves the old state and at worst a directory `NAME.new-XXXXXX` that nothing looks at.
 */
#include "journal/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY_MODE 0750

enum status data_path(char path[PATH_MAX], const char *directory, const char *name)
{
    int size = snprintf(path, PATH_MAX, "%s/%s", directory, name);

    return size < 0 || size >= PATH_MAX ? STATUS_TOO_LARGE : STATUS_OK;
}

enum status aside_make(struct aside *aside, const char *target)
{
    size_t size = strlen(target);

    while (size > 1 && target[size - 1] == '/') {
        size--;
    }
    if (size == 0 || size + sizeof ".new-XXXXXX" > sizeof aside->path) {
        return STATUS_TOO_LARGE;
    }
    memcpy(aside->target, target, size);
    aside->target[size] = '\0';
    memcpy(aside->path, target, size);
    memcpy(aside->path + size, ".new-XXXXXX", sizeof ".new-XXXXXX");
    if (mkdtemp(aside->path) == NULL) {
        return errno == ENOSPC ? STATUS_FULL : STATUS_IO;
    }
    if (chmod(aside->path, DIRECTORY_MODE) != 0) {
        rmdir(aside->path);
        return STATUS_IO;
    }
    return STATUS_OK;
}

static enum status sync_path(const char *path, int flags)
{
    int descriptor = open(path, flags | O_CLOEXEC);
    if (descriptor < 0) {
        return STATUS_IO;
    }
    int code = fsync(descriptor);
    close(descriptor);
    return code == 0 ? STATUS_OK : STATUS_IO;
}

static enum status sync_parent(const char *path)
{
    char parent[PATH_MAX];

    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash == NULL) {
        return sync_path(".", O_RDONLY | O_DIRECTORY);
    }
    slash[slash == parent ? 1 : 0] = '\0';
    return sync_path(parent, O_RDONLY | O_DIRECTORY);
}

enum status aside_publish(const struct aside *aside)
{
    char data[PATH_MAX];
    enum status status = data_path(data, aside->path, "data.mdb");

    if (status == STATUS_OK) {
        status = sync_path(data, O_RDONLY);
    }
    if (status == STATUS_OK) {
        status = sync_path(aside->path, O_RDONLY | O_DIRECTORY);
    }
    if (status != STATUS_OK) {
        return status;
    }
    /* An empty directory in the place is replaced, any other is left alone. */
    if (rename(aside->path, aside->target) != 0) {
        return errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR ? STATUS_EXISTS
                                                                         : STATUS_IO;
    }
    return sync_parent(aside->target);
}

void aside_remove(const struct aside *aside)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char path[PATH_MAX];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (data_path(path, aside->path, names[i]) == STATUS_OK) {
            unlink(path);
        }
    }
    rmdir(aside->path);
}
