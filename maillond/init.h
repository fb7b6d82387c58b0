/*
 * init.h - the keys that a system begins with.
 *
 *     DATA/keys/server      the system's secret key      (and server.pub)
 *     DATA/keys/admin       the first admin's secret key (and admin.pub)
 */
#ifndef MAILLOND_INIT_H
#define MAILLOND_INIT_H

#include "config/config.h"
#include "identity/identity.h"

/* Makes both pairs in the data directory and says what to do with them. Returns an enum
 * process_exit; PROCESS_CONFIG when a key is there already: nothing is overwritten. */
int init_keys(const struct config *config);

/* PROCESS_CONFIG, and why, when the first admin's public key is configured and cannot be read, or
 * is there and is none. */
int init_check_first_admin(const struct config *config);

/* The system's key pair, when an endpoint needs it; NULL when none does. What is missing or wrong
 * is told with the name of the endpoint's key and what to do, and PROCESS_CONFIG returned. The
 * caller owns `*identity`. */
int init_read_server(const struct config *config, struct identity **identity);

#endif
