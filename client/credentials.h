/*
 * credentials.h - with which key a connection speaks, and with which it is answered.
 */
#ifndef CLIENT_CREDENTIALS_H
#define CLIENT_CREDENTIALS_H

#include "client/maillon.h"
#include "identity/identity.h"

struct credentials {
    struct identity *identity; /* NULL: none was given. */
    uint8_t server_key[IDENTITY_KEY_SIZE];
};

/* Reads what the options name. MAILLON_CONFIG tells why in options->problem. */
MUST_USE enum maillon_status credentials_read(const struct maillon_options *options,
                                              struct credentials *keys);
void credentials_release(struct credentials *keys);

/* Whether an endpoint can be used with these keys: tcp needs them, others have none.
 * MAILLON_CONFIG tells why in options->problem. */
MUST_USE enum maillon_status credentials_check(const struct credentials *keys, const char *endpoint,
                                               const struct maillon_options *options);

bool credentials_are_for(const char *endpoint);

#endif
