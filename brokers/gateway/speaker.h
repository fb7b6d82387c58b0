/*
 * speaker.h - who says something, and whether it may.
 */
#ifndef BROKERS_GATEWAY_SPEAKER_H
#define BROKERS_GATEWAY_SPEAKER_H

#include "core/access/registry.h"
#include "core/match/market.h"
#include "proto/messages.h"

struct speaker {
    uint32_t key;    /* Number in the registry, KEY_LOCAL or KEY_GATEWAY. */
    struct bytes by; /* Its party, BY_LOCAL or BY_GATEWAY: whose sequence counts. Borrowed until the
                        registry changes. */
};

/* Who `user` is: the text of a key as the transport vouches for it, or empty on a local socket.
 * False when nobody is heard under that key now; the refusal says so. */
bool speaker_find(const struct registry *registry, struct bytes user, uint64_t now_ms,
                  struct speaker *speaker, struct refusal *refusal);

/* Whether the speaker may submit this command. The refusal is the same whatever is known. */
bool speaker_may(const struct speaker *speaker, const struct registry *registry,
                 const struct market *market, uint16_t kind, const union command *command,
                 struct refusal *refusal);

/* The same refusal. */
void speaker_deny(struct refusal *refusal);

#endif
