/*
 * rights.h - who may do what: one table, and nobody may do what it does not say.
 *
 * A right depends on the roles of the key that speaks and on whether what it speaks about is its
 * party's own. Who speaks on a local socket is the operator of the machine and may do everything.
 */
#ifndef CORE_ACCESS_RIGHTS_H
#define CORE_ACCESS_RIGHTS_H

#include "core/model/record.h"

/* Whether one of `roles` (enum role_bit) may submit a command of `kind` about what is its own, or
 * about what is not. */
bool rights_allow_command(uint64_t roles, uint16_t kind, bool is_own);

/* Whether one of `roles` may follow its party's stream, or any. */
bool rights_allow_stream(uint64_t roles, bool is_own);

#endif
