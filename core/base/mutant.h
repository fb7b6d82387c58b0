/*
 * mutant.h - bugs planted on purpose, so that tests can show what they find.
 *
 * MUTANT(n) is false in every build but one made with -Dmutants=true, and there until bug `n` has
 * been planted. What stands behind it is what a bug at that place would do.
 */
#ifndef CORE_BASE_MUTANT_H
#define CORE_BASE_MUTANT_H

#include "core/base/base.h"

#ifdef HAS_MUTANTS
#define MUTANT(number) mutant_is_planted(number)
bool mutant_is_planted(unsigned number);
#else
#define MUTANT(number) false
#endif

/* From now on. False in a build without them, and for a number beyond those there can be. */
MUST_USE bool mutant_plant(unsigned number);

#endif
