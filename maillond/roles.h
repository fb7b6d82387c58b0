/*
 * roles.h - the roles by name, and how they hang together.
 */
#ifndef MAILLOND_ROLES_H
#define MAILLOND_ROLES_H

#include "config/config.h"
#include "node/stage.h"

/* In the order of the flow, which is the order in which they stop. */
#define ROLE_COUNT 4
extern const char *const ROLE_NAMES[ROLE_COUNT];

struct role_instance {
    const struct role *role;
    void *state;
    const char *upstream; /* NULL for a source. */
    const char *watched;  /* Whose feed it reads for keys; NULL for none. */
    bool has_clients;
    uint64_t keep_entries; /* 0: all. */
};

/* Makes the state of a role. False when there is no role of that name. The caller owns
 * `*instance` (role_close). */
bool role_open(const char *name, const struct config *config, struct role_instance *instance);
void role_close(const struct role_instance *instance);

#endif
