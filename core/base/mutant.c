#include "core/base/mutant.h"

#ifdef HAS_MUTANTS

static uint64_t planted; /* Bits 1 << number. */

bool mutant_is_planted(unsigned number)
{
    return (planted >> number & 1) != 0;
}

bool mutant_plant(unsigned number)
{
    if (number >= 64) {
        return false;
    }
    planted |= (uint64_t)1 << number;
    return true;
}

#else

bool mutant_plant(unsigned number)
{
    (void)number;
    return false;
}

#endif
