/*
 * place.h - a directory in memory for targets that need files; gone when the process ends well.
 */
#ifndef TESTS_FUZZ_PLACE_H
#define TESTS_FUZZ_PLACE_H

#include "core/base/base.h"

#include <limits.h>

#define PLACE_PATH_SIZE 200

/* The path of `name` in the directory, which is made at the first call. */
void place_path(const char *name, char path[PLACE_PATH_SIZE]);

/* Writes, or replaces, a file. */
void place_write(const char *path, struct bytes bytes);

#endif
