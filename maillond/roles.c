/*
 * roles.c - the roles by name, and how they hang together: one row each.
 */
#include "maillond/roles.h"

#include "brokers/dispatch/dispatch.h"
#include "brokers/gateway/gateway.h"
#include "identity/identity.h"
#include "workers/allocate/allocate.h"
#include "workers/match/worker.h"

#include <string.h>

#define MEGABYTE ((uint64_t)1 << 20)

const char *const ROLE_NAMES[ROLE_COUNT] = {"gateway", "match", "allocate", "dispatch"};

/* The gateway journals these; the workers start with the defaults and take them from the feed. */
static struct rules_put rules_of(const struct config *config)
{
    return (struct rules_put){
        .per_kilometre = config->match.per_kilometre,
        .other_region = config->match.other_region,
        .other_country = config->match.other_country,
        .per_day_late = config->match.per_day_late,
        .per_substitute_rank = config->match.per_substitute_rank,
        .not_recyclable = config->match.not_recyclable,
        .stability_bonus = config->match.stability_bonus,
        .kept_max = config->match.kept_max,
        .tranche_1 = config->allocate.tranche_1,
        .tranche_2 = config->allocate.tranche_2,
        .tranche_3 = config->allocate.tranche_3,
    };
}

/* A file that is not there names nobody; a wrong one is refused at the start (maillond/init.c). */
static void read_first_admin(const struct config *config, char text[KEY_TEXT_SIZE + 1])
{
    char problem[IDENTITY_PROBLEM_SIZE];
    char path[CONFIG_FILE_SIZE];
    uint8_t key[IDENTITY_KEY_SIZE];

    config_key_file(config, "first_admin", path);
    if (identity_read_public(path, key, problem) == STATUS_OK) {
        identity_text(key, text);
    }
}

static void *open_gateway(const struct config *config)
{
    struct gateway *gateway = NULL;
    struct gateway_options options = {
        .tick_ms = config->gateway.tick_seconds * 1000,
        .ids_max = config->gateway.ids_max,
        .space_floor = config->gateway.space_floor_mb * MEGABYTE,
        .rules = rules_of(config),
    };

    read_first_admin(config, options.first_admin);
    gateway_open(&options, &gateway);
    return gateway;
}

static void *open_match(const struct config *config)
{
    struct match_worker *worker = NULL;
    struct match_rules rules = match_rules_default();

    (void)config;
    match_worker_open(&rules, &worker);
    return worker;
}

static void *open_allocate(const struct config *config)
{
    struct allocate *allocate = NULL;
    struct plan_options options = plan_options_default();

    (void)config;
    allocate_open(&options, &allocate);
    return allocate;
}

static void *open_dispatch(const struct config *config)
{
    struct dispatch *dispatch = NULL;
    struct dispatch_options options = {
        .clients_max = config->dispatch.clients_max,
        .credit_max = config->dispatch.credit_max,
        .head_ms = config->dispatch.head_seconds * 1000,
    };

    dispatch_open(&options, &dispatch);
    return dispatch;
}

static const struct {
    const struct role *role;
    const char *upstream, *watched;
    bool has_clients;
    void *(*open)(const struct config *config);
} ROLES[ROLE_COUNT] = {
    {&gateway_role, NULL, NULL, true, open_gateway},
    {&match_role, "gateway", NULL, false, open_match},
    {&allocate_role, "match", NULL, false, open_allocate},
    {&dispatch_role, "allocate", "gateway", true, open_dispatch},
};

bool role_open(const char *name, const struct config *config, struct role_instance *instance)
{
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (strcmp(name, ROLE_NAMES[i]) == 0) {
            bool is_last = i == ROLE_COUNT - 1;
            *instance = (struct role_instance){
                .role = ROLES[i].role,
                .state = ROLES[i].open(config),
                .upstream = ROLES[i].upstream,
                .watched = ROLES[i].watched,
                .has_clients = ROLES[i].has_clients,
                .keep_entries = is_last ? config->dispatch.keep_events : 0,
            };
            return true;
        }
    }
    return false;
}

void role_close(const struct role_instance *instance)
{
    instance->role->close(instance->state);
}
