/*
 * main.c - the maillon command: one table of verbs, one of options.
 */
#include "cli/cli.h"

#include "core/base/names.h"

#include <popt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATA_DEFAULT "maillon-data"
#define ASSIGNMENT_FILTER                                                                          \
    (OPTION_PARTY | OPTION_PRODUCT | OPTION_NEED | OPTION_OFFER | OPTION_STATE)

const struct verb verbs[] = {
    {"import", "DIR", 1, 1, OPTION_REFUSED | OPTION_DRY_RUN,
     "takes a scenario folder in; every row acknowledged, quarantined or refused", run_import},
    {"need put", "FILE|-", 1, 1, OPTION_REFUSED | OPTION_DRY_RUN,
     "puts needs from CSV or JSON lines", run_put},
    {"need get", "ID", 1, 1, 0, "shows one need", run_get},
    {"need ls", "", 0, 0, OPTION_PARTY | OPTION_PRODUCT | OPTION_STATE | OPTION_LIMIT,
     "lists needs", run_list},
    {"need cancel", "ID", 1, 1, OPTION_REASON, "ends a need", run_end},
    {"need release", "ID", 1, 1, OPTION_REASON, "lets a need out of quarantine", run_end},
    {"offer put", "FILE|-", 1, 1, OPTION_REFUSED | OPTION_DRY_RUN,
     "puts offers from CSV or JSON lines", run_put},
    {"offer get", "ID", 1, 1, 0, "shows one offer", run_get},
    {"offer ls", "", 0, 0, OPTION_PARTY | OPTION_PRODUCT | OPTION_STATE | OPTION_LIMIT,
     "lists offers", run_list},
    {"offer withdraw", "ID", 1, 1, OPTION_REASON, "ends an offer", run_end},
    {"offer release", "ID", 1, 1, OPTION_REASON, "lets an offer out of quarantine", run_end},
    {"capacity put", "FILE|-", 1, 1, OPTION_REFUSED | OPTION_DRY_RUN,
     "reports what offers can give from now on", run_put},
    {"party put", "FILE|-", 1, 1, OPTION_REFUSED | OPTION_DRY_RUN,
     "puts parties from CSV or JSON lines", run_put},
    {"party get", "ID", 1, 1, 0, "shows one party", run_get},
    {"party ls", "", 0, 0, OPTION_LIMIT, "lists parties", run_list},
    {"product put", "FILE|-", 1, 1, OPTION_REFUSED | OPTION_DRY_RUN,
     "puts products from CSV or JSON lines", run_put},
    {"product get", "ID", 1, 1, 0, "shows one product", run_get},
    {"product ls", "", 0, 0, OPTION_LIMIT, "lists products", run_list},
    {"substitute put", "FILE|-", 1, 1, OPTION_REFUSED | OPTION_DRY_RUN,
     "puts what may stand in for what from CSV or JSON lines", run_put},
    {"substitute get", "ID", 1, 1, 0, "shows one substitute", run_get},
    {"substitute ls", "", 0, 0, OPTION_PARTY | OPTION_PRODUCT | OPTION_STATE | OPTION_LIMIT,
     "lists substitutes", run_list},
    {"norm put", "FILE|-", 1, 1, OPTION_REFUSED | OPTION_DRY_RUN,
     "puts norms that goods must be certified for from CSV or JSON lines", run_put},
    {"norm get", "ID", 1, 1, 0, "shows one norm", run_get},
    {"norm ls", "", 0, 0, OPTION_PARTY | OPTION_PRODUCT | OPTION_STATE | OPTION_LIMIT,
     "lists norms", run_list},
    {"certificate put", "FILE|-", 1, 1, OPTION_REFUSED | OPTION_DRY_RUN,
     "puts certificates from CSV or JSON lines", run_put},
    {"certificate get", "ID", 1, 1, 0, "shows one certificate", run_get},
    {"certificate ls", "", 0, 0, OPTION_PARTY | OPTION_PRODUCT | OPTION_STATE | OPTION_LIMIT,
     "lists certificates", run_list},
    {"exclusion put", "FILE|-", 1, 1, OPTION_REFUSED | OPTION_DRY_RUN,
     "puts parties that get nothing together from CSV or JSON lines", run_put},
    {"exclusion get", "ID", 1, 1, 0, "shows one exclusion", run_get},
    {"exclusion ls", "", 0, 0, OPTION_PARTY | OPTION_PRODUCT | OPTION_STATE | OPTION_LIMIT,
     "lists exclusions", run_list},
    {"assignment ls", "", 0, 0, ASSIGNMENT_FILTER | OPTION_LIMIT, "lists assignments",
     run_assignment_list},
    {"assignment get", "NUMBER", 1, 1, 0, "shows one assignment", run_assignment_get},
    {"assignment accept", "NUMBER", 1, 1, OPTION_PARTY, "says yes for --party",
     run_assignment_answer},
    {"assignment decline", "NUMBER", 1, 1, OPTION_PARTY | OPTION_REASON, "says no for --party",
     run_assignment_answer},
    {"assignment ship", "NUMBER", 1, 1, OPTION_PARTY, "the offerer sent it off",
     run_assignment_answer},
    {"assignment receive", "NUMBER", 1, 1, OPTION_PARTY, "the requester has it",
     run_assignment_answer},
    {"assignment cancel", "NUMBER", 1, 1, OPTION_PARTY | OPTION_REASON, "ends it with a reason",
     run_assignment_answer},
    {"watch", "", 0, 0, ASSIGNMENT_FILTER | OPTION_AFTER | OPTION_UNTIL_IDLE,
     "follows assignments live, resumable", run_watch},
    {"explain", "NEED|NUMBER [OFFER]", 1, 2, OPTION_LANG,
     "why a need or an assignment stands as it does", run_explain},
    {"stats", "", 0, 0, 0, "figures of the whole system", run_stats},
    {"check", "", 0, 0, OPTION_FORMAT, "exit 0 when every role is ready", run_check},
    {"verify", "[DIR]", 0, 1, 0, "checks every stored byte of a data directory or backup",
     run_verify},
    {"replay", "[DIR]", 0, 1, 0,
     "decides everything again from the intake journal and compares each byte", run_replay},
    {"plan", "DIR", 1, 1, OPTION_OFFLINE | OPTION_OUT | OPTION_PROVE | OPTION_LIMIT,
     "the whole decision on a scenario folder, without a daemon", run_plan},
    {"backtest", "DIR", 1, 1, OPTION_OFFLINE | OPTION_EVERY,
     "a scenario folder in virtual time, decided in rounds; how good that is", run_backtest},
    {"backup", "DIR", 1, 1, 0, "copies all journals, also while the system runs", run_backup},
    {"restore", "DIR", 1, 1, OPTION_YES, "puts a backup into an empty data directory", run_restore},
    {"key new", "FILE", 1, 1, 0, "makes a key pair: FILE, to keep secret, and FILE.pub",
     run_key_new},
    {"key register", "KEY|FILE", 1, 1, OPTION_PARTY | OPTION_KEY,
     "lets a key speak for --party as --roles; admin and operator wait for key confirm",
     run_key_command},
    {"key confirm", "KEY|FILE", 1, 1, 0, "the second admin agrees to a key", run_key_command},
    {"key rotate", "KEY|FILE NEXT|FILE", 2, 2, OPTION_UNTIL,
     "a new key takes over; the old one is good --until then", run_key_command},
    {"key revoke", "KEY|FILE", 1, 1, OPTION_REASON,
     "a key is not heard any more, nor what it was rotated to", run_key_command},
    {"key ls", "", 0, 0, OPTION_PARTY | OPTION_STATE | OPTION_LIMIT,
     "lists keys, on the machine of the gateway", run_key_list},
    {"config show", "", 0, 0, 0, "every setting in force", run_config},
    {"config check", "[FILE]", 0, 1, 0, "checks a configuration file", run_config},
    {"version", "", 0, 0, 0, "versions of program and protocol", run_version},
    {"help", "[VERB]", 0, 2, 0, "this text, or a verb's", run_help},
};
const size_t verb_count = COUNT_OF(verbs);
const struct verb *running;

static struct options options = {.timeout_ms = 10000, .after = 0};

struct option_entry {
    struct poptOption popt;
    uint32_t bit; /* 0: every command takes it. */
};

/* The table of all options. */
static const struct option_entry option_entries[] = {
    {{"data", 'd', POPT_ARG_STRING, &options.data, 0,
      "data directory of the system (default: $MAILLON_DATA or " DATA_DEFAULT ")", "DIR"},
     0},
    {{"config", 'c', POPT_ARG_STRING, &options.config, 0, "configuration file", "FILE"}, 0},
    {{"json", 'j', POPT_ARG_NONE, &options.json, 0, "one JSON object a line", NULL}, 0},
    {{"quiet", 'q', POPT_ARG_NONE, &options.quiet, 0, "no talk on standard error", NULL}, 0},
    {{"no-color", 0, POPT_ARG_NONE, &options.no_color, 0, "plain text, as always", NULL}, 0},
    {{"timeout", 't', POPT_ARG_INT, &options.timeout_ms, 0, "how long to wait for an answer", "MS"},
     0},
    {{"gateway", 0, POPT_ARG_STRING, &options.gateway, 0, "gateway of another machine, with a key",
      "ENDPOINT"},
     0},
    {{"dispatch", 0, POPT_ARG_STRING, &options.dispatch, 0, "dispatcher of another machine",
      "ENDPOINT"},
     0},
    {{"key", 'k', POPT_ARG_STRING, &options.key, 0, "secret key file to speak with", "FILE"}, 0},
    {{"server-key", 0, POPT_ARG_STRING, &options.server_key, 0, "the system's public key",
      "KEY|FILE"},
     0},
    {{"roles", 0, POPT_ARG_STRING, &options.roles, 0, "requester, offerer, ... joined by |",
      "ROLES"},
     OPTION_KEY},
    {{"from", 0, POPT_ARG_STRING, &options.from, 0, "valid from, 2026-04-01T00:00:00Z", "TIME"},
     OPTION_KEY},
    {{"to", 0, POPT_ARG_STRING, &options.to, 0, "not valid any more from", "TIME"}, OPTION_KEY},
    {{"until", 0, POPT_ARG_STRING, &options.until, 0, "when the old key ends (default: in a week)",
      "TIME"},
     OPTION_UNTIL},
    {{"after", 0, POPT_ARG_LONGLONG, &options.after, 0, "events behind this position", "SEQ"},
     OPTION_AFTER},
    {{"until-idle", 0, POPT_ARG_NONE, &options.until_idle, 0,
      "end when everything submitted by now was shown", NULL},
     OPTION_UNTIL_IDLE},
    {{"party", 0, POPT_ARG_STRING, &options.party, 0, "of this party", "ID"}, OPTION_PARTY},
    {{"product", 0, POPT_ARG_STRING, &options.product, 0, "of this product", "ID"}, OPTION_PRODUCT},
    {{"need", 0, POPT_ARG_STRING, &options.need, 0, "of this need", "ID"}, OPTION_NEED},
    {{"offer", 0, POPT_ARG_STRING, &options.offer, 0, "of this offer", "ID"}, OPTION_OFFER},
    {{"state", 0, POPT_ARG_STRING, &options.state, 0, "in this state", "STATE"}, OPTION_STATE},
    {{"reason", 0, POPT_ARG_STRING, &options.reason, 0, "why, a code", "CODE"}, OPTION_REASON},
    {{"refused", 0, POPT_ARG_STRING, &options.refused, 0,
      "where refused rows are written (default: refused.csv)", "FILE"},
     OPTION_REFUSED},
    {{"yes", 'y', POPT_ARG_NONE, &options.yes, 0, "do not ask", NULL}, OPTION_YES},
    {{"limit", 'n', POPT_ARG_INT, &options.limit, 0, "at most so many rows", "N"}, OPTION_LIMIT},
    {{"dry-run", 0, POPT_ARG_NONE, &options.dry_run, 0, "check the rows and submit nothing", NULL},
     OPTION_DRY_RUN},
    {{"format", 0, POPT_ARG_STRING, &options.format, 0, "text, json or nagios", "NAME"},
     OPTION_FORMAT},
    {{"fairness", 0, POPT_ARG_STRING, &options.fairness, 0,
      "none, or tranches as configured (default)", "NAME"},
     OPTION_OFFLINE},
    {{"lot", 0, POPT_ARG_INT, &options.lot, 0, "this lot for every product", "N"}, OPTION_OFFLINE},
    {{"set", 0, POPT_ARG_ARGV, &options.set, 0, "a key of the configuration; may be repeated",
      "KEY=VALUE"},
     OPTION_OFFLINE},
    {{"every", 0, POPT_ARG_STRING, &options.every, 0,
      "a round each 7d (default), 1d, 12h ..., or after each event", "TIME"},
     OPTION_EVERY},
    {{"out", 0, POPT_ARG_STRING, &options.out, 0,
      "writes assignments.csv, unmet.csv and prices.csv there", "DIR"},
     OPTION_OUT},
    {{"check", 0, POPT_ARG_NONE, &options.prove, 0, "proves that the plan is the optimum", NULL},
     OPTION_PROVE},
    {{"lang", 0, POPT_ARG_STRING, &options.lang, 0, "en or fr (default: as the locale says)",
      "NAME"},
     OPTION_LANG},
};
static struct poptOption popt_table[COUNT_OF(option_entries) + 2];

static bool is_given(const struct option_entry *entry)
{
    const void *target = entry->popt.arg;

    switch (entry->popt.argInfo & POPT_ARG_MASK) {
    case POPT_ARG_STRING:
        return *(char *const *)target != NULL;
    case POPT_ARG_ARGV:
        return *(char **const *)target != NULL;
    case POPT_ARG_LONGLONG:
        return *(const long long *)target != 0;
    default:
        return *(const int *)target != 0;
    }
}

/* The command named by the first one or two arguments; `*used` says how many. */
static const struct verb *find_verb(const char **words, size_t count, size_t *used)
{
    char two[64] = "";

    if (count >= 2) {
        snprintf(two, sizeof two, "%s %s", words[0], words[1]);
    }
    for (size_t i = 0; i < verb_count; i++) {
        if (strcmp(verbs[i].name, two) == 0) {
            *used = 2;
            return &verbs[i];
        }
        if (count >= 1 && strcmp(verbs[i].name, words[0]) == 0) {
            *used = 1;
            return &verbs[i];
        }
    }
    return NULL;
}

static int complain_unknown(const char **words, size_t count)
{
    char given[64] = "";
    const char *nearest = NULL;
    uint32_t best = 4;

    snprintf(given, sizeof given, "%s%s%s", words[0], count > 1 ? " " : "",
             count > 1 ? words[1] : "");
    for (size_t i = 0; i < verb_count; i++) {
        const char *typed = strchr(verbs[i].name, ' ') != NULL ? given : words[0];
        uint32_t distance = text_distance(bytes_from_text(verbs[i].name), bytes_from_text(typed));
        if (distance < best) {
            best = distance;
            nearest = verbs[i].name;
        }
    }
    if (nearest != NULL) {
        return complain(EXIT_USAGE, "no verb \"%s\"; did you mean \"%s\"? maillon help lists all",
                        given, nearest);
    }
    return complain(EXIT_USAGE, "no verb \"%s\"; maillon help lists all", given);
}

static void print_verb(const struct verb *verb)
{
    char usage[80];

    snprintf(usage, sizeof usage, "%s %s", verb->name, verb->arguments);
    printf("  %-30s %s\n", usage, verb->text);
}

static void print_options(uint32_t bits)
{
    for (size_t i = 0; i < COUNT_OF(option_entries); i++) {
        const struct option_entry *entry = &option_entries[i];
        char left[64];
        if (entry->bit != 0 && (entry->bit & bits) == 0) {
            continue;
        }
        snprintf(left, sizeof left, "--%s%s%s", entry->popt.longName,
                 entry->popt.argDescrip == NULL ? "" : " ",
                 entry->popt.argDescrip == NULL ? "" : entry->popt.argDescrip);
        printf("  %-20s %s\n", left, entry->popt.descrip);
    }
}

int run_help(struct cli *cli)
{
    size_t used = 0;

    if (cli->argument_count > 0) {
        const struct verb *verb = find_verb(cli->arguments, cli->argument_count, &used);
        if (verb == NULL) {
            return complain_unknown(cli->arguments, cli->argument_count);
        }
        printf("maillon %s %s\n  %s\n\n", verb->name, verb->arguments, verb->text);
        print_options(verb->options);
        return EXIT_DONE;
    }
    printf("maillon: needs and offers in, assignments out\n\n"
           "  maillon import config/demo          take a scenario in\n"
           "  maillon watch                       see what is decided\n"
           "  maillon explain NEED                ask why\n\n");
    for (size_t i = 0; i < verb_count; i++) {
        print_verb(&verbs[i]);
    }
    printf("\nOptions of every verb (maillon help VERB for the others):\n");
    print_options(0);
    printf("\nExit codes: 0 done, 1 no, 64 usage, 65 data, 66 not found, 69 unreachable, 70 bug, "
           "74 storage, 75 try again, 78 configuration, 80 conflict, 81 gap, 130 interrupted\n");
    return EXIT_DONE;
}

int run_version(struct cli *cli)
{
    if (cli->is_json) {
        struct buffer line = {0};
        json_open(&line);
        json_text(&line, "version", bytes_from_text(maillon_version()));
        json_uint(&line, "protocol", PROTO_VERSION);
        json_close(&line);
        printf("%.*s\n", BYTES_ARGS(buffer_view(&line)));
        buffer_deinit(&line);
    } else {
        printf("maillon %s, protocol %d\n", maillon_version(), PROTO_VERSION);
    }
    return EXIT_DONE;
}

static int check_usage(const struct verb *verb, size_t count)
{
    if (count < verb->argument_min || count > verb->argument_max) {
        return complain(EXIT_USAGE, "usage: maillon %s %s", verb->name, verb->arguments);
    }
    for (size_t i = 0; i < COUNT_OF(option_entries); i++) {
        const struct option_entry *entry = &option_entries[i];
        if (entry->bit != 0 && (verb->options & entry->bit) == 0 && is_given(entry)) {
            return complain(EXIT_USAGE, "\"%s\" has no option --%s; see maillon help %s",
                            verb->name, entry->popt.longName, verb->name);
        }
    }
    return EXIT_DONE;
}

static int run(struct cli *cli, const char **words, size_t count)
{
    static const char *const help[] = {"help"};
    size_t used = 0;

    if (count == 0) {
        words = (const char **)(uintptr_t)help;
        count = 1;
    }
    running = find_verb(words, count, &used);
    if (running == NULL) {
        return complain_unknown(words, count);
    }
    int code = check_usage(running, count - used);
    if (code != EXIT_DONE) {
        return code;
    }
    cli->arguments = words + used;
    cli->argument_count = count - used;
    return running->run(cli);
}

static void set_manner(struct cli *cli)
{
    const char *from_environment = getenv("MAILLON_DATA");

    cli->options = options;
    cli->data = options.data != NULL                                      ? options.data
                : from_environment != NULL && from_environment[0] != '\0' ? from_environment
                                                                          : DATA_DEFAULT;
    cli->is_json = options.json != 0 || !isatty(STDOUT_FILENO);
    cli->is_terminal = isatty(STDERR_FILENO) != 0;
}

int main(int argc, const char **argv)
{
    struct cli cli = {0};

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < COUNT_OF(option_entries); i++) {
        popt_table[i] = option_entries[i].popt;
    }
    popt_table[COUNT_OF(option_entries)] =
        (struct poptOption)POPT_AUTOHELP popt_table[COUNT_OF(option_entries) + 1] =
            (struct poptOption)POPT_TABLEEND;
    poptContext context = poptGetContext("maillon", argc, argv, popt_table, 0);
    int parsed = poptGetNextOpt(context);
    if (parsed < -1) {
        int code = complain(EXIT_USAGE, "%s: %s", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                            poptStrerror(parsed));
        poptFreeContext(context);
        return code;
    }
    const char **words = poptGetArgs(context);
    size_t count = 0;
    while (words != NULL && words[count] != NULL) {
        count++;
    }
    set_manner(&cli);
    int code = run(&cli, words, count);
    poptFreeContext(context);
    return code;
}
