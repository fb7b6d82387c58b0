/*
 * stub_roles.c - the roles of maillond as stubs: a source that nobody feeds, and three that follow.
 */
#include "maillond/roles.h"

#include <stdlib.h>
#include <string.h>

const char *const ROLE_NAMES[ROLE_COUNT] = {"gateway", "match", "allocate", "dispatch"};

static enum status stub_load(void *state, uint8_t table, struct bytes key, struct bytes value)
{
    (void)state;
    (void)table;
    (void)key;
    (void)value;
    return STATUS_CORRUPT; /* It never saves any. */
}

static enum status stub_loaded(void *state, const struct world *world,
                               const struct journal_head *head)
{
    (void)state;
    (void)world;
    (void)head;
    return STATUS_OK;
}

static enum status stub_restore(void *state, const struct entry *entry)
{
    (void)state;
    (void)entry;
    return STATUS_OK;
}

static void stub_step(void *state, uint32_t upstream, const struct entry *entry,
                      struct effects *effects)
{
    (void)state;
    (void)upstream;
    effect_append(effects, entry->kind, entry->body);
}

static void stub_save(void *state, struct rows_out *rows)
{
    (void)state;
    (void)rows;
}

#define STUB_FOLLOWER(title)                                                                       \
    {                                                                                              \
        .name = (title), .version = STAGE_VERSION, .load = stub_load, .loaded = stub_loaded,       \
        .step = stub_step, .save = stub_save                                                       \
    }

static const struct role STUBS[ROLE_COUNT] = {
    {.name = "gateway",
     .version = STAGE_VERSION,
     .is_source = true,
     .load = stub_load,
     .loaded = stub_loaded,
     .restore = stub_restore,
     .save = stub_save},
    STUB_FOLLOWER("match"),
    STUB_FOLLOWER("allocate"),
    STUB_FOLLOWER("dispatch"),
};

bool role_open(const char *name, const struct config *config, struct role_instance *instance)
{
    (void)config;
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (strcmp(name, ROLE_NAMES[i]) == 0) {
            *instance = (struct role_instance){
                .role = &STUBS[i],
                .upstream = i == 0 ? NULL : ROLE_NAMES[i - 1],
                .has_clients = i == 0 || i == ROLE_COUNT - 1,
            };
            return true;
        }
    }
    return false;
}

void role_close(const struct role_instance *instance)
{
    (void)instance;
}
