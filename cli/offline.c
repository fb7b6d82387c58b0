/*
 * offline.c - options, rows, plan.
 */
#include "cli/offline.h"

#include "cli/scenario.h"

#include <stdlib.h>
#include <string.h>

static uint64_t time_of(uint16_t kind, const union command *command)
{
    uint64_t at_ms = kind == KIND_NEED_PUT       ? command->need_put.at
                     : kind == KIND_OFFER_PUT    ? command->offer_put.at
                     : kind == KIND_CAPACITY_PUT ? command->capacity_put.at
                                                 : TIME_NONE;

    return at_ms == TIME_NONE ? 0 : at_ms;
}

static int on_row(void *context, const struct scenario_row *row)
{
    struct offline *offline = context;

    if (row->refusal != NULL) {
        offline->refused++;
        say(offline->cli, "  %s row %llu  %s  %s", row->file, (unsigned long long)row->line,
            row->refusal->field[0] == '\0' ? row->refusal->code : row->refusal->field,
            row->refusal->why);
        return 0;
    }
    GROW(offline->rows, offline->row_capacity, offline->row_count + 1);
    struct offline_row *added = &offline->rows[offline->row_count];
    memcpy(&added->command, row->record, row->message->record_size);
    added->kind = row->message->kind;
    added->at_ms = time_of(added->kind, &added->command);
    added->order = (uint32_t)offline->row_count++;
    if (added->kind == KIND_PRODUCT_PUT && offline->cli->options.lot > 0) {
        added->command.product_put.lot = (uint64_t)offline->cli->options.lot;
    }
    return 0;
}

static int compare_rows(const void *left, const void *right)
{
    const struct offline_row *a = left;
    const struct offline_row *b = right;

    if (a->at_ms != b->at_ms) {
        return a->at_ms < b->at_ms ? -1 : 1;
    }
    return (a->order > b->order) - (a->order < b->order);
}

static int read_rows(struct offline *offline, const char *directory)
{
    char problem[256] = "";
    int stopped = 0;
    const struct scenario_taker taker = {
        .row = on_row, .context = offline, .arena = &offline->arena};
    enum status status = scenario_read(directory, &taker, &stopped, problem);

    if (status != STATUS_OK) {
        return complain(status == STATUS_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_DATA, "%s", problem);
    }
    if (offline->row_count > 0) {
        qsort(offline->rows, offline->row_count, sizeof *offline->rows, compare_rows);
    }
    return EXIT_DONE;
}

/* KEY=VALUE of --set. */
static int set_key(struct config *config, const char *text)
{
    char problem[CONFIG_PROBLEM_SIZE] = "";
    char key[128];
    const char *equals = strchr(text, '=');

    if (equals == NULL || (size_t)(equals - text) >= sizeof key) {
        return complain(EXIT_USAGE, "--set wants KEY=VALUE, not \"%s\"", text);
    }
    snprintf(key, sizeof key, "%.*s", (int)(equals - text), text);
    if (config_set(config, key, equals + 1, problem) != STATUS_OK) {
        return complain(EXIT_CONFIG, "%s", problem);
    }
    return EXIT_DONE;
}

static int set_tranches(struct config *config, const char *fairness)
{
    if (fairness == NULL || strcmp(fairness, "tranches") == 0) {
        return EXIT_DONE;
    }
    if (strcmp(fairness, "none") != 0) {
        return complain(EXIT_USAGE, "--fairness is none or tranches, not \"%s\"", fairness);
    }
    config->allocate.tranche_1 = 0;
    config->allocate.tranche_2 = 0;
    config->allocate.tranche_3 = 0;
    return EXIT_DONE;
}

static int read_options(struct offline *offline, bool distance_alone)
{
    const struct options *options = &offline->cli->options;
    char problem[CONFIG_PROBLEM_SIZE] = "";

    if (options->lot < 0) {
        return complain(EXIT_USAGE, "--lot is at least 1");
    }
    if (config_open(options->config, &offline->config, problem) != STATUS_OK) {
        return complain(EXIT_CONFIG, "%s", problem);
    }
    if (distance_alone && options->config == NULL) {
        offline->config->match.other_region = 0;
        offline->config->match.other_country = 0;
    }
    int code = set_tranches(offline->config, options->fairness);
    for (char **text = options->set; code == EXIT_DONE && text != NULL && *text != NULL; text++) {
        code = set_key(offline->config, *text);
    }
    return code;
}

struct plan_options offline_plan_options(const struct config *config)
{
    return (struct plan_options){
        .rules =
            {
                .per_kilometre = config->match.per_kilometre,
                .other_region = config->match.other_region,
                .other_country = config->match.other_country,
                .per_day_late = config->match.per_day_late,
                .per_substitute_rank = config->match.per_substitute_rank,
                .not_recyclable = config->match.not_recyclable,
                .kept_max = config->match.kept_max,
            },
        .tranche_lots = {config->allocate.tranche_1, config->allocate.tranche_2,
                         config->allocate.tranche_3},
        .slot_count_max = plan_options_default().slot_count_max,
        .stability_bonus = 0, /* A round makes final what it tells, and tells nothing else. */
    };
}

int offline_open(struct offline *offline, struct cli *cli, bool distance_alone)
{
    *offline = (struct offline){.cli = cli};
    int code = read_options(offline, distance_alone);

    if (code == EXIT_DONE) {
        code = read_rows(offline, cli->arguments[0]);
    }
    if (code == EXIT_DONE) {
        struct plan_options options = offline_plan_options(offline->config);
        plan_open(&options, &offline->plan);
    }
    return code;
}

void offline_close(struct offline *offline)
{
    plan_close(offline->plan);
    config_close(offline->config);
    arena_deinit(&offline->arena);
    free(offline->rows);
    free(offline->changed);
}

void offline_apply(struct offline *offline, uint16_t kind, const union command *command,
                   uint64_t time_ms)
{
    bool is_quarantined = market_is_implausible(plan_market(offline->plan), kind, command);

    offline->quarantined += is_quarantined;
    plan_apply(offline->plan, &(struct plan_input){
                                  .kind = kind,
                                  .command = command,
                                  .is_quarantined = is_quarantined,
                                  .seq = ++offline->seq,
                                  .time_ms = time_ms,
                              });
}

static void on_assignment(void *context, const struct assignment_event *event)
{
    struct offline *offline = context;

    GROW(offline->changed, offline->changed_capacity, offline->changed_count + 1);
    offline->changed[offline->changed_count++] = event->assignment;
}

static void on_answer(void *context, const struct answer_event *event)
{
    (void)context;
    (void)event;
}

void offline_settle(struct offline *offline)
{
    plan_settle(offline->plan, &(struct plan_listener){.context = offline,
                                                       .assignment = on_assignment,
                                                       .answer = on_answer});
}

void offline_describe(const struct offline *offline, struct buffer *object)
{
    const struct config *config = offline->config;
    bool is_fair =
        config->allocate.tranche_1 + config->allocate.tranche_2 + config->allocate.tranche_3 > 0;

    json_text(object, "fairness", bytes_from_text(is_fair ? "tranches" : "none"));
    json_uint(object, "lot", (uint64_t)offline->cli->options.lot);
    json_uint(object, "per_kilometre", config->match.per_kilometre);
    json_uint(object, "other_region", config->match.other_region);
    json_uint(object, "other_country", config->match.other_country);
    json_uint(object, "per_day_late", config->match.per_day_late);
    json_uint(object, "per_substitute_rank", config->match.per_substitute_rank);
    json_uint(object, "not_recyclable", config->match.not_recyclable);
}
