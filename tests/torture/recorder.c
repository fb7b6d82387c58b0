/*
 * recorder.c - preloaded into a program: writes down what it does to its files, and lets one call
 * go wrong.
 *
 *     TORTURE_ROOT=DIRECTORY   the calls on files below it count
 *     TORTURE_TRACE=FILE       they are recorded there (trace.h)
 *     TORTURE_FAULT=NAME:N     the N-th of them goes wrong (faults.h)
 *     TORTURE_COUNT=FILE       processes that share this file count together
 *
 * A call and its record are one step under one lock, so that the trace has the order in which
 * the kernel saw the calls. Stores into a map are no calls: a journal has none (MDB_WRITEMAP).
 */
/* Calls are defined here under each of their names: headers shall not rename them. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE

#include "tests/torture/faults.h"
#include "tests/torture/trace.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))
#define FILE_COUNT_MAX 4096
#define FILE_MODE 0600

void recorder_mark(uint64_t mark, uint64_t number);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_size; /* 0: nothing is watched. */
static int trace = -1;
static uint64_t files[FILE_COUNT_MAX]; /* Watched, by inode. */
static size_t file_count;
static enum fault fault = FAULT_COUNT;
static uint64_t fault_at;
static atomic_ullong own_count;
static atomic_ullong *count = &own_count;

/* --- What is watched ------------------------------------------------------------------- */

static void stop(const char *why)
{
    fprintf(stderr, "recorder: %s\n", why);
    abort();
}

static bool is_watched(uint64_t file)
{
    for (size_t i = 0; i < file_count; i++) {
        if (files[i] == file) {
            return true;
        }
    }
    return false;
}

static void watch(uint64_t file)
{
    if (!is_watched(file)) {
        if (file_count == FILE_COUNT_MAX) {
            stop("more files than are counted on");
        }
        files[file_count++] = file;
    }
}

/* The name below the root; NULL for a path that is not there. */
static const char *name_of(const char *path)
{
    if (root_size == 0 || strncmp(path, root, root_size) != 0 ||
        (path[root_size] != '/' && path[root_size] != '\0')) {
        return NULL;
    }
    return path[root_size] == '/' ? path + root_size + 1 : path + root_size;
}

static uint64_t file_at(const char *path)
{
    struct stat about;

    return lstat(path, &about) == 0 ? about.st_ino : 0;
}

/* 0 when the descriptor's file is not watched. */
static uint64_t file_of(int descriptor)
{
    struct stat about;

    if (root_size == 0 || fstat(descriptor, &about) != 0 || !is_watched(about.st_ino)) {
        return 0;
    }
    return about.st_ino;
}

/* --- Records ------------------------------------------------------------------------------ */

static void put(const void *data, size_t size)
{
    if (size > 0 && syscall(SYS_write, trace, data, size) != (long)size) {
        stop("the trace cannot be written");
    }
}

static void note(enum call call, uint64_t file, uint64_t at, const void *data, size_t size)
{
    struct record record = {.call = call, .size = (uint32_t)size, .file = file, .at = at};

    if (trace >= 0) {
        put(&record, sizeof record);
        put(data, size);
    }
}

static void note_name(enum call call, uint64_t file, const char *name)
{
    note(call, file, 0, name, strlen(name) + 1);
}

EXPORTED void recorder_mark(uint64_t mark, uint64_t number)
{
    pthread_mutex_lock(&lock);
    note(CALL_MARK, mark, number, NULL, 0);
    pthread_mutex_unlock(&lock);
}

/* --- Faults ------------------------------------------------------------------------------- */

struct verdict {
    int error; /* What the call fails with, 0: it is made. */
    bool is_half;
    bool kills;
};

static void die(void)
{
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
}

/* `takes_room`: the disk may say that it is full. */
static struct verdict judge(bool takes_room)
{
    uint64_t number = atomic_fetch_add(count, 1) + 1;
    bool is_now = number == fault_at;

    if (fault == FAULT_BROKEN && number >= fault_at) {
        return (struct verdict){.error = EIO};
    }
    if (fault == FAULT_FULL && number >= fault_at && takes_room) {
        return (struct verdict){.error = ENOSPC};
    }
    if (is_now && fault == FAULT_KILL_BEFORE) {
        die();
    }
    if (is_now && (fault == FAULT_EIO || (fault == FAULT_ENOSPC && takes_room))) {
        return (struct verdict){.error = fault == FAULT_EIO ? EIO : ENOSPC};
    }
    return (struct verdict){.is_half = is_now && fault == FAULT_SHORT,
                            .kills = is_now && fault == FAULT_KILL_AFTER};
}

static struct verdict begin(bool takes_room)
{
    pthread_mutex_lock(&lock);
    return judge(takes_room);
}

static void end(struct verdict verdict)
{
    int error = errno;

    if (verdict.kills) {
        die();
    }
    pthread_mutex_unlock(&lock);
    errno = verdict.error != 0 ? verdict.error : error;
}

/* --- Start -------------------------------------------------------------------------------- */

static void read_fault(const char *text)
{
    char name[32];
    unsigned long long at = 0;

    if (sscanf(text, "%31[^:]:%llu", name, &at) != 2 || fault_find(name) == FAULT_COUNT) {
        stop("TORTURE_FAULT is not NAME:N");
    }
    fault = fault_find(name);
    fault_at = at;
}

static void share_count(const char *path)
{
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);

    if (file < 0 || syscall(SYS_ftruncate, file, sizeof *count) != 0) {
        stop("TORTURE_COUNT cannot be opened");
    }
    count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (count == MAP_FAILED) {
        stop("TORTURE_COUNT cannot be mapped");
    }
}

__attribute__((constructor)) static void start(void)
{
    const char *place = getenv("TORTURE_ROOT");
    const char *trace_path = getenv("TORTURE_TRACE");
    const char *fault_text = getenv("TORTURE_FAULT");
    const char *count_path = getenv("TORTURE_COUNT");

    if (place == NULL) {
        return;
    }
    if (trace_path != NULL) {
        trace = (int)syscall(SYS_openat, AT_FDCWD, trace_path,
                             O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, FILE_MODE);
    }
    if (fault_text != NULL) {
        read_fault(fault_text);
    }
    if (count_path != NULL) {
        share_count(count_path);
    }
    snprintf(root, sizeof root, "%s", place);
    root_size = strlen(root);
    watch(file_at(root));
    note_name(CALL_MADE_FOLDER, file_at(root), "");
}

/* --- The calls ---------------------------------------------------------------------------- */

static int open_watched(const char *path, const char *name, int flags, mode_t mode)
{
    bool makes = (flags & O_CREAT) != 0 && file_at(path) == 0;
    struct verdict verdict = begin(makes);
    int descriptor = -1;

    if (verdict.error == 0) {
        descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    }
    if (descriptor >= 0) {
        watch(file_at(path));
        if (makes) {
            note_name(CALL_MADE, file_at(path), name);
        } else if ((flags & O_TRUNC) != 0) {
            note(CALL_RESIZE, file_at(path), 0, NULL, 0);
        }
    }
    end(verdict);
    return descriptor;
}

static int open_any(const char *path, int flags, mode_t mode)
{
    const char *name = name_of(path);

    if (name == NULL) {
        return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    }
    return open_watched(path, name, flags, mode);
}

static mode_t mode_of(int flags, va_list arguments)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? (mode_t)va_arg(arguments, int) : 0;
}

#define OPEN_BODY                                                                                  \
    va_list arguments;                                                                             \
    va_start(arguments, flags);                                                                    \
    mode_t mode = mode_of(flags, arguments);                                                       \
    va_end(arguments);                                                                             \
    return open_any(path, flags, mode)

/* The C library's own names for parameters are reserved, and so are the names of some calls.
 * NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

EXPORTED int open(const char *path, int flags, ...)
{
    OPEN_BODY;
}

EXPORTED int open64(const char *path, int flags, ...)
{
    OPEN_BODY;
}

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);

EXPORTED int __open_2(const char *path, int flags)
{
    return open_any(path, flags, 0);
}

EXPORTED int __open64_2(const char *path, int flags)
{
    return open_any(path, flags, 0);
}

static size_t total_of(const struct iovec *parts, int part_count)
{
    size_t total = 0;

    for (int i = 0; i < part_count; i++) {
        total += parts[i].iov_len;
    }
    return total;
}

/* One record, whatever the parts. */
static void note_write(int descriptor, uint64_t file, off_t at, const struct iovec *parts,
                       int part_count, size_t size)
{
    int flags = (int)syscall(SYS_fcntl, descriptor, F_GETFL);
    bool syncs = (flags & O_DSYNC) != 0;
    struct record record = {.call = syncs ? CALL_WRITE_SYNC : CALL_WRITE,
                            .size = (uint32_t)size,
                            .file = file,
                            .at = (uint64_t)at};

    if (trace < 0) {
        return;
    }
    put(&record, sizeof record);
    for (int i = 0; i < part_count && size > 0; i++) {
        size_t part = parts[i].iov_len < size ? parts[i].iov_len : size;
        put(parts[i].iov_base, part);
        size -= part;
    }
}

/* Half of the bytes, from the first part; `at` as below. */
static ssize_t write_half(int descriptor, const struct iovec *parts, off_t at, size_t total)
{
    size_t size = parts[0].iov_len < total / 2 ? parts[0].iov_len : total / 2;

    return at >= 0 ? syscall(SYS_pwrite64, descriptor, parts[0].iov_base, size, at)
                   : syscall(SYS_write, descriptor, parts[0].iov_base, size);
}

/* `at` is -1 for where the descriptor stands. */
static ssize_t write_watched(int descriptor, uint64_t file, const struct iovec *parts,
                             int part_count, off_t at)
{
    struct verdict verdict = begin(true);
    off_t place = at >= 0 ? at : syscall(SYS_lseek, descriptor, 0, SEEK_CUR);
    ssize_t written = -1;

    if (verdict.error == 0 && verdict.is_half) {
        written = write_half(descriptor, parts, at, total_of(parts, part_count));
    } else if (verdict.error == 0 && at >= 0) {
        written = syscall(SYS_pwritev, descriptor, parts, part_count, (long)at, 0L);
    } else if (verdict.error == 0) {
        written = syscall(SYS_writev, descriptor, parts, part_count);
    }
    if (written > 0) {
        note_write(descriptor, file, place, parts, part_count, (size_t)written);
    }
    end(verdict);
    return written;
}

EXPORTED ssize_t pwritev(int descriptor, const struct iovec *parts, int part_count, off_t at)
{
    uint64_t file = file_of(descriptor);

    return file == 0 ? syscall(SYS_pwritev, descriptor, parts, part_count, (long)at, 0L)
                     : write_watched(descriptor, file, parts, part_count, at);
}

EXPORTED ssize_t pwritev64(int descriptor, const struct iovec *parts, int part_count, off_t at)
{
    return pwritev(descriptor, parts, part_count, at);
}

EXPORTED ssize_t writev(int descriptor, const struct iovec *parts, int part_count)
{
    uint64_t file = file_of(descriptor);

    return file == 0 ? syscall(SYS_writev, descriptor, parts, part_count)
                     : write_watched(descriptor, file, parts, part_count, -1);
}

EXPORTED ssize_t pwrite(int descriptor, const void *data, size_t size, off_t at)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    uint64_t file = file_of(descriptor);

    return file == 0 ? syscall(SYS_pwrite64, descriptor, data, size, at)
                     : write_watched(descriptor, file, &part, 1, at);
}

EXPORTED ssize_t pwrite64(int descriptor, const void *data, size_t size, off_t at)
{
    return pwrite(descriptor, data, size, at);
}

EXPORTED ssize_t write(int descriptor, const void *data, size_t size)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    uint64_t file = file_of(descriptor);

    return file == 0 ? syscall(SYS_write, descriptor, data, size)
                     : write_watched(descriptor, file, &part, 1, -1);
}

static int sync_watched(int descriptor, long number)
{
    uint64_t file = file_of(descriptor);

    if (file == 0) {
        return (int)syscall(number, descriptor);
    }
    struct verdict verdict = begin(false);
    int code = verdict.error == 0 ? (int)syscall(number, descriptor) : -1;
    if (code == 0) {
        note(CALL_SYNC, file, 0, NULL, 0);
    }
    end(verdict);
    return code;
}

EXPORTED int fdatasync(int descriptor)
{
    return sync_watched(descriptor, SYS_fdatasync);
}

EXPORTED int fsync(int descriptor)
{
    return sync_watched(descriptor, SYS_fsync);
}

EXPORTED int msync(void *start_of, size_t size, int flags)
{
    if (root_size > 0) {
        stop("msync: stores into a map cannot be recorded");
    }
    return (int)syscall(SYS_msync, start_of, size, flags);
}

EXPORTED int ftruncate(int descriptor, off_t size)
{
    uint64_t file = file_of(descriptor);

    if (file == 0) {
        return (int)syscall(SYS_ftruncate, descriptor, size);
    }
    struct verdict verdict = begin(true);
    int code = verdict.error == 0 ? (int)syscall(SYS_ftruncate, descriptor, size) : -1;
    if (code == 0) {
        note(CALL_RESIZE, file, (uint64_t)size, NULL, 0);
    }
    end(verdict);
    return code;
}

EXPORTED int ftruncate64(int descriptor, off_t size)
{
    return ftruncate(descriptor, size);
}

EXPORTED int posix_fallocate(int descriptor, off_t at, off_t size)
{
    uint64_t file = file_of(descriptor);
    struct verdict verdict = file == 0 ? (struct verdict){0} : begin(true);
    int code = verdict.error;

    if (code == 0 && syscall(SYS_fallocate, descriptor, 0, at, size) != 0) {
        code = errno;
    }
    if (file != 0) {
        if (code == 0) {
            note(CALL_RESERVE, file, (uint64_t)(at + size), NULL, 0);
        }
        end(verdict);
    }
    return code;
}

EXPORTED int posix_fallocate64(int descriptor, off_t at, off_t size)
{
    return posix_fallocate(descriptor, at, size);
}

EXPORTED int rename(const char *from, const char *to)
{
    const char *name = name_of(from);
    const char *new_name = name_of(to);
    char names[2 * PATH_MAX];

    if (name == NULL || new_name == NULL) {
        return (int)syscall(SYS_rename, from, to);
    }
    struct verdict verdict = begin(true);
    uint64_t file = file_at(from);
    int code = verdict.error == 0 ? (int)syscall(SYS_rename, from, to) : -1;
    if (code == 0) {
        size_t size = strlen(name) + 1;
        memcpy(names, name, size);
        memcpy(names + size, new_name, strlen(new_name) + 1);
        note(CALL_RENAME, file, 0, names, size + strlen(new_name) + 1);
    }
    end(verdict);
    return code;
}

static int remove_watched(const char *path, long number)
{
    const char *name = name_of(path);

    if (name == NULL) {
        return (int)syscall(number, path);
    }
    struct verdict verdict = begin(false);
    uint64_t file = file_at(path);
    int code = verdict.error == 0 ? (int)syscall(number, path) : -1;
    if (code == 0) {
        note_name(CALL_REMOVE, file, name);
    }
    end(verdict);
    return code;
}

EXPORTED int unlink(const char *path)
{
    return remove_watched(path, SYS_unlink);
}

EXPORTED int rmdir(const char *path)
{
    return remove_watched(path, SYS_rmdir);
}

static void note_folder(const char *path, const char *name)
{
    watch(file_at(path));
    note_name(CALL_MADE_FOLDER, file_at(path), name);
}

EXPORTED int mkdir(const char *path, mode_t mode)
{
    const char *name = name_of(path);

    if (name == NULL) {
        return (int)syscall(SYS_mkdir, path, mode);
    }
    struct verdict verdict = begin(true);
    int code = verdict.error == 0 ? (int)syscall(SYS_mkdir, path, mode) : -1;
    if (code == 0) {
        note_folder(path, name);
    }
    end(verdict);
    return code;
}

EXPORTED char *mkdtemp(char *path)
{
    char *(*real)(char *) = NULL;
    const char *name = name_of(path);

    *(void **)&real = dlsym(RTLD_NEXT, "mkdtemp");
    if (name == NULL) {
        return real(path);
    }
    struct verdict verdict = begin(true);
    char *made = verdict.error == 0 ? real(path) : NULL;
    if (made != NULL) {
        note_folder(path, name);
    }
    end(verdict);
    return made;
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
