/*
 * config.h - the configuration: YAML file, environment, defaults for everything.
 *
 * Flags go over the environment, the environment over the file, the file over the
 * defaults. A key nobody knows, or a value out of bounds, is refused with file, line, column
 * and the nearest valid key. config/maillon.yaml is the commented sample.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "core/base/base.h"

#include <stdio.h>

#define CONFIG_PROBLEM_SIZE 512

struct config {
    char *data; /* Directory that holds everything; "maillon-data" */
    struct {
        char *level;  /* "debug", "info", "warn", "error" */
        char *format; /* "logfmt", "json" */
    } log;
    struct {
        char *server;      /* "": DATA/keys/server; the secret key of this system */
        char *first_admin; /* "": DATA/keys/admin.pub; who may do everything at the start */
    } keys;
    struct {
        char *endpoint;          /* "": ipc://DATA/run/gateway, which is there in any case */
        uint32_t tick_seconds;   /* 60 */
        uint32_t ids_max;        /* 50,000,000: submission ids kept, then refused as full */
        uint32_t space_floor_mb; /* 256: below this much free disk intake is refused */
    } gateway;
    struct {
        uint32_t kept_max;                                                 /* K, 32 */
        uint32_t per_kilometre, other_region, other_country, per_day_late; /* design 5.1 */
        uint32_t per_substitute_rank, not_recyclable;                      /* 100, 20 */
        uint32_t stability_bonus;                                          /* design 5.2: 50 */
    } match;
    struct {
        uint32_t tranche_1, tranche_2, tranche_3; /* Lots: 1, 4, 16 */
    } allocate;
    struct {
        char *endpoint;        /* "": ipc://DATA/run/dispatch, which is there in any case */
        uint32_t clients_max;  /* 10,000 */
        uint32_t credit_max;   /* 65,536 events a client may ask for ahead */
        uint32_t head_seconds; /* 5: a head message to every client this often */
        uint32_t keep_events;  /* 0: all */
    } dispatch;
    struct {
        uint32_t map_size_gb;        /* 64: how far each role's file may grow */
        uint32_t reserve_mb;         /* 64: set aside on disk ahead of use */
        uint32_t checkpoint_entries; /* 200 */
    } journal;
    struct {
        uint32_t restart_ms_min; /* 100: back-off of the supervisor */
        uint32_t restart_ms_max; /* 5,000 */
        uint32_t stop_seconds;   /* 10: then SIGKILL */
    } supervisor;
    struct {              /* For `maillon`, on whatever machine. */
        char *gateway;    /* "": of the data directory */
        char *dispatch;   /* the same */
        char *key;        /* The client's secret key file; "": none */
        char *server_key; /* The server's public key, or the file that holds it; "": none */
    } client;
};

/* Reads `path` (NULL: defaults and environment alone) and the environment (MAILLON_DATA,
 * MAILLON_LOG_LEVEL, MAILLON_GATEWAY_ENDPOINT ...: MAILLON_ and the upper-case path of the key).
 * The caller owns `*config` (config_close). STATUS_NOT_FOUND, STATUS_INVALID: `problem` holds
 * "file:line:column: what; did you mean ...". */
MUST_USE enum status config_open(const char *path, struct config **config,
                                 char problem[CONFIG_PROBLEM_SIZE]);
void config_close(struct config *config);

/* Sets one key by its path ("gateway.tick_seconds"), as a flag does. STATUS_INVALID with `problem`.
 */
MUST_USE enum status config_set(struct config *config, const char *key, const char *value,
                                char problem[CONFIG_PROBLEM_SIZE]);

/* Every key with its value, as YAML. */
void config_print(const struct config *config, FILE *file);

/* "ipc://DATA/run/NAME", or the configured endpoint. STATUS_TOO_LARGE when the path is longer than
 * a socket's may be (107 bytes). */
#define CONFIG_ENDPOINT_SIZE 256
MUST_USE enum status config_endpoint(const struct config *config, const char *name,
                                     char endpoint[CONFIG_ENDPOINT_SIZE]);

/* Whether an endpoint can be reached from other machines: only with keys. */
bool config_is_remote(const char *endpoint);

/* The file of a key of the section "keys" ("server", "first_admin"): the configured one, or that in
 * the data directory. */
#define CONFIG_FILE_SIZE 512
void config_key_file(const struct config *config, const char *name, char path[CONFIG_FILE_SIZE]);

#endif
