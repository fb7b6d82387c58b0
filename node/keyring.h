/*
 * keyring.h - entries of the intake feed, as far as they are about keys.
 */
#ifndef NODE_KEYRING_H
#define NODE_KEYRING_H

#include "core/access/registry.h"
#include "node/stage.h"
#include "proto/messages.h"

/* Who submitted an entry: what registry_apply takes. */
uint32_t keyring_actor(const struct intake *intake);

/* Folds an entry of the intake feed. STATUS_NOT_FOUND when it is not about keys; STATUS_CORRUPT
 * when it makes no sense. */
MUST_USE enum status keyring_fold(struct registry *registry, const struct entry *entry,
                                  struct arena *arena, uint32_t *number);

#endif
