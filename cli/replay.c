/*
 * replay.c - decides everything again from the intake journal, and compares.
 *
 * Each role runs from its first entry in a stage of its own, under a world that has no sockets
 * and no disk: what the stage would commit is compared, byte by byte and chain included, with
 * what the journal of that role holds.
 */
#include "cli/cli.h"
#include "config/config.h"
#include "maillond/roles.h"
#include "node/silent_world.h"

#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 4096
#define MAP_SIZE ((uint64_t)64 << 30)
#define CHUNK_SIZE ((size_t)128 * 1024)

struct replay_world {
    struct journal_reader *own;
    uint64_t own_last;
    uint64_t compared;
    uint8_t chain[JOURNAL_CHAIN_SIZE];
    struct batch *pending;
    bool is_different;
    char problem[160];
};

static void world_commit(void *context, struct batch *batch)
{
    struct replay_world *world = context;

    ENSURE(world->pending == NULL);
    world->pending = batch;
}

static void world_fail(void *context, const char *message)
{
    struct replay_world *world = context;

    world->is_different = true;
    snprintf(world->problem, sizeof world->problem, "%s", message);
}

static void differs(struct replay_world *world, uint64_t seq)
{
    world->is_different = true;
    snprintf(world->problem, sizeof world->problem, "entry %llu differs", (unsigned long long)seq);
}

/* Sets the chain of `made`. A stored entry may be of an older version that says the same. */
static void compare_entry(struct replay_world *world, struct entry *made)
{
    struct entry stored = {0};
    bool is_stored = !world->is_different && made->seq <= world->own_last;
    bool is_there = is_stored && journal_read(world->own, &stored) == STATUS_OK;

    if (is_there && stored.version < made->version) {
        made->version = stored.version;
    }
    entry_chain(world->chain, made, made->chain);
    memcpy(world->chain, made->chain, sizeof made->chain);
    if (!is_stored) {
        return; /* Not decided yet when the journal was left. */
    }
    if (!is_there || stored.seq != made->seq ||
        memcmp(stored.chain, made->chain, sizeof made->chain) != 0 ||
        !bytes_equal(stored.body, made->body)) {
        differs(world, made->seq);
        return;
    }
    world->compared++;
}

static void compare_pending(struct replay_world *world, struct stage *stage)
{
    while (world->pending != NULL) {
        struct batch *batch = world->pending;
        world->pending = NULL;
        for (size_t i = 0; i < batch->entry_count; i++) {
            batch->entries[i].body = batch_body(batch, i);
            compare_entry(world, &batch->entries[i]);
        }
        stage_committed(stage, batch, STATUS_OK);
    }
}

/* Feeds the upstream journal's entries through the stage. */
static enum status run_through(struct replay_world *world, struct stage *stage,
                               struct journal *upstream)
{
    struct journal_reader *reader = NULL;
    struct buffer chunk = {0};

    enum status status = journal_reader_open(upstream, &reader);
    if (status == STATUS_OK) {
        status = journal_seek(reader, 1);
    }
    while (status == STATUS_OK && !world->is_different) {
        chunk.size = 0;
        while (status == STATUS_OK && chunk.size < CHUNK_SIZE) {
            status = journal_read_stored(reader, &chunk);
        }
        if (status == STATUS_OK || status == STATUS_END) {
            stage_entries(stage, 0, buffer_view(&chunk));
            compare_pending(world, stage);
        }
    }
    journal_reader_close(reader);
    buffer_deinit(&chunk);
    return status == STATUS_END ? STATUS_OK : status;
}

static enum status replay_role(struct role_instance *instance, struct journal *own,
                               struct journal *upstream, struct replay_world *world)
{
    struct world table = silent_world(world);
    struct stage_options options = {
        .role = instance->role,
        .state = instance->state,
        .world = &table,
        .checkpoint_entries = SIZE_MAX,
    };
    struct journal_head empty = {.oldest = 1};
    struct stage *stage = NULL;

    table.commit = world_commit;
    table.fail = world_fail;
    enum status status = journal_reader_open(own, &world->own);
    if (status == STATUS_OK) {
        status = journal_seek(world->own, 1);
    }
    if (status == STATUS_OK) {
        status = stage_open(&options, &stage);
    }
    if (status == STATUS_OK) {
        status = stage_begin(stage, &empty);
    }
    if (status == STATUS_OK) {
        world->own_last = journal_head(own).last;
        status = run_through(world, stage, upstream);
    }
    stage_close(stage);
    journal_reader_close(world->own);
    return status;
}

static enum status open_role_journal(const char *directory, const char *role,
                                     struct journal **journal)
{
    char path[PATH_SIZE];
    struct journal_options options = {.path = path, .size_max = MAP_SIZE, .read_only = true};

    snprintf(path, sizeof path, "%s/%s", directory, role);
    return journal_open(&options, journal);
}

static int report_role(const struct cli *cli, const char *role, const struct replay_world *world,
                       enum status status)
{
    bool is_good = status == STATUS_OK && !world->is_different;
    const char *problem = world->is_different   ? world->problem
                          : status != STATUS_OK ? status_name(status)
                                                : "";

    if (cli->is_json) {
        struct buffer line = {0};
        json_open(&line);
        json_text(&line, "role", bytes_from_text(role));
        json_raw(&line, "same", bytes_from_text(is_good ? "true" : "false"));
        json_uint(&line, "compared", world->compared);
        json_uint(&line, "stored", world->own_last);
        json_text(&line, "problem", bytes_from_text(problem));
        json_close(&line);
        printf("%.*s\n", BYTES_ARGS(buffer_view(&line)));
        buffer_deinit(&line);
    } else {
        printf("%-9s %s  %llu of %llu entries the same  %s\n", role, is_good ? "good" : "BAD ",
               (unsigned long long)world->compared, (unsigned long long)world->own_last, problem);
    }
    return is_good ? EXIT_DONE : EXIT_NO;
}

static int replay_one(const struct cli *cli, const struct config *config, const char *directory,
                      const char *role)
{
    struct replay_world world = {0};
    struct role_instance instance;
    struct journal *own = NULL;
    struct journal *upstream = NULL;

    ENSURE(role_open(role, config, &instance));
    enum status status = open_role_journal(directory, role, &own);
    if (status == STATUS_OK) {
        status = open_role_journal(directory, instance.upstream, &upstream);
    }
    if (status == STATUS_OK) {
        status = replay_role(&instance, own, upstream, &world);
    }
    journal_close(own);
    journal_close(upstream);
    role_close(&instance);
    return report_role(cli, role, &world, status);
}

int run_replay(struct cli *cli)
{
    const char *directory = cli->argument_count > 0 ? cli->arguments[0] : cli->data;
    char problem[CONFIG_PROBLEM_SIZE] = "";
    struct config *config = NULL;
    int code = EXIT_DONE;

    if (config_open(cli->options.config, &config, problem) != STATUS_OK) {
        return complain(EXIT_CONFIG, "%s", problem);
    }
    for (size_t i = 1; i < ROLE_COUNT; i++) {
        int replayed = replay_one(cli, config, directory, ROLE_NAMES[i]);
        code = code == EXIT_DONE ? replayed : code;
    }
    config_close(config);
    return code;
}
