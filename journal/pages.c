/*
 * pages.c - gives mapped pages of the file back to the kernel.
 *
 * LMDB maps the file, and every page that was ever read stays in the process until somebody wants
 * its memory. The pages stay in the kernel's cache all the same, and come back when they are read,
 * so a process need not hold them. LMDB does not tell where its map lies: the kernel does.
 */
#include "journal/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define LINE_SIZE 512

void journal_release_pages(struct journal *journal)
{
    mdb_filehandle_t descriptor;
    struct stat file;
    char line[LINE_SIZE];
    FILE *maps = fopen("/proc/self/maps", "re");

    ENSURE(mdb_env_get_fd(journal->env, &descriptor) == MDB_SUCCESS);
    while (maps != NULL && fstat(descriptor, &file) == 0 &&
           fgets(line, sizeof line, maps) != NULL) {
        uintptr_t start = 0;
        uintptr_t end = 0;
        uintmax_t inode = 0;
        int read =
            sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %" SCNuMAX, &start, &end, &inode);
        if (read == 3 && inode == file.st_ino) {
            /* A hint: when the kernel does not take it, the pages stay. */
            (void)madvise((void *)start, end - start,
                          MADV_DONTNEED); /* NOLINT(performance-no-int-to-ptr) */
        }
    }
    if (maps != NULL) {
        fclose(maps);
    }
}
