/*
 * plant.c - for builds with -Dmutants=true: plants the bugs that MAILLON_MUTANTS names ("9" or
 * "14,15") before main, so that process chaos can show that it finds them.
 */
#include "core/base/mutant.h"

#include <stdlib.h>

__attribute__((constructor)) static void plant_all(void)
{
    const char *left = getenv("MAILLON_MUTANTS");

    while (left != NULL && *left != '\0') {
        char *end = NULL;
        ENSURE(mutant_plant((unsigned)strtoul(left, &end, 10)));
        left = *end == ',' ? end + 1 : end;
    }
}
