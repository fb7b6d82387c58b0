/*
 * explain.c - what a need gets and why, which offers come into question, why not another.
 */
#include "cli/cli.h"
#include "cli/sentences.h"
#include "core/plan/explain.h"
#include "workers/allocate/tables.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS 20
#define BLANK_COUNT_MAX 12
#define BLANK_TEXT_SIZE 256
#define SHARE_SHOWN_MAX 20

/* A sentence in the making: its blanks, and the text of those that are made here. */
struct phrase {
    enum language language;
    struct blank blanks[BLANK_COUNT_MAX];
    char texts[BLANK_COUNT_MAX][BLANK_TEXT_SIZE];
    size_t count;
    struct buffer line;
};

static void fill(struct phrase *phrase, const char *name, struct bytes text)
{
    ENSURE(phrase->count < BLANK_COUNT_MAX);
    char *kept = phrase->texts[phrase->count];
    size_t size = min_u64(text.size, BLANK_TEXT_SIZE);

    if (size > 0) {
        memcpy(kept, text.data, size);
    }
    phrase->blanks[phrase->count++] =
        (struct blank){.name = name, .text = {(const uint8_t *)kept, size}};
}

static void fill_made(struct phrase *phrase, const char *name, struct buffer *made)
{
    fill(phrase, name, buffer_view(made));
    buffer_deinit(made);
}

static void fill_number(struct phrase *phrase, const char *name, uint64_t number)
{
    struct buffer made = {0};

    say_number(&made, phrase->language, number);
    fill_made(phrase, name, &made);
}

static void fill_count(struct phrase *phrase, const char *name, enum sentence one, uint64_t count)
{
    struct buffer made = {0};

    say_count(&made, phrase->language, one, count);
    fill_made(phrase, name, &made);
}

static void fill_word(struct phrase *phrase, const char *name, struct bytes word)
{
    struct buffer made = {0};

    say_word(&made, phrase->language, word);
    fill_made(phrase, name, &made);
}

static void fill_day(struct phrase *phrase, const char *name, int64_t day)
{
    struct buffer made = {0};

    say_day(&made, phrase->language, (int32_t)day);
    fill_made(phrase, name, &made);
}

/* Appends the sentence to the line and takes new blanks. */
static void say_now(struct phrase *phrase, enum sentence sentence)
{
    say_sentence(&phrase->line, phrase->language, sentence, phrase->blanks, phrase->count);
    phrase->count = 0;
}

static void join(struct phrase *phrase)
{
    buffer_append_text(&phrase->line, ", ");
}

static void end_line(struct phrase *phrase)
{
    printf("%.*s\n", BYTES_ARGS(buffer_view(&phrase->line)));
    phrase->line.size = 0;
}

static void indent(struct phrase *phrase)
{
    buffer_append_text(&phrase->line, "  ");
}

/* Appends the sentence where another one has a blank of this name. */
static void fill_sentence(struct phrase *phrase, const char *name, enum sentence sentence)
{
    struct buffer made = {0};

    say_sentence(&made, phrase->language, sentence, phrase->blanks, phrase->count);
    fill_made(phrase, name, &made);
}

/* The need. */

static void say_need(struct phrase *phrase, const struct need_row *need)
{
    fill(phrase, "need", need->need);
    fill(phrase, "party", need->party);
    fill(phrase, "product", need->product);
    fill_count(phrase, "units", SAY_ONE_UNIT, need->quantity);
    fill_number(phrase, "class", need->class_number);
    fill_word(phrase, "state", need->state);
    say_now(phrase, SAY_NEED);
    if (need->due != DAY_NONE) {
        join(phrase);
        fill_day(phrase, "day", need->due);
        say_now(phrase, SAY_DUE);
    }
    if (need->latest != DAY_NONE) {
        join(phrase);
        fill_day(phrase, "day", need->latest);
        say_now(phrase, SAY_LATEST);
    }
    end_line(phrase);
    fill_count(phrase, "promised", SAY_ONE_UNIT, need->promised);
    fill_number(phrase, "missing", need->unserved);
    say_now(phrase, SAY_TOTALS);
    end_line(phrase);
}

static void say_tranches(struct phrase *phrase, const struct record_list *list)
{
    const struct tranche_row *rows = list->items;

    for (size_t i = 0; i < list->count; i++) {
        indent(phrase);
        fill_number(phrase, "tranche", rows[i].tranche);
        fill_number(phrase, "served", rows[i].served);
        fill_count(phrase, "units", SAY_ONE_UNIT, rows[i].units);
        say_now(phrase, SAY_TRANCHE);
        end_line(phrase);
    }
}

static void say_made(struct phrase *phrase, int64_t day)
{
    if (day != DAY_NONE) {
        join(phrase);
        fill_day(phrase, "day", day);
        say_now(phrase, SAY_MADE);
    }
}

/* When it arrives, and how long before it would be too late. */
static void say_arrival(struct phrase *phrase, int64_t arrival, int64_t latest)
{
    if (arrival == DAY_NONE) {
        return;
    }
    join(phrase);
    fill_day(phrase, "day", arrival);
    say_now(phrase, SAY_ARRIVAL);
    if (latest != DAY_NONE && latest >= arrival) {
        join(phrase);
        fill_count(phrase, "days", SAY_ONE_DAY, (uint64_t)(latest - arrival));
        say_now(phrase, SAY_SLACK);
    }
}

static struct bytes state_word(uint64_t state)
{
    return bytes_from_text(assignment_state_name((enum assignment_state)state));
}

static void say_shares(struct phrase *phrase, const struct explained *explained)
{
    const struct share_row *rows = explained->shares.items;
    const struct need_row *need = explained->need.items;

    say_now(phrase, explained->shares.count > 0 ? SAY_GETS : SAY_GETS_NOTHING);
    end_line(phrase);
    for (size_t i = 0; i < explained->shares.count && i < SHARE_SHOWN_MAX; i++) {
        indent(phrase);
        fill_number(phrase, "number", rows[i].assignment);
        fill_word(phrase, "state", state_word(rows[i].state));
        fill_count(phrase, "units", SAY_ONE_UNIT, rows[i].quantity);
        fill(phrase, "party", rows[i].party);
        fill(phrase, "offer", rows[i].offer);
        fill_number(phrase, "kilometres", rows[i].kilometres);
        fill_number(phrase, "cost", rows[i].cost);
        say_now(phrase, SAY_SHARE);
        say_made(phrase, rows[i].made);
        say_arrival(phrase, rows[i].arrival, need->latest);
        end_line(phrase);
    }
}

/* What binds it. */

static enum sentence cause_sentence(struct bytes cause)
{
    static const enum sentence sentences[] = {
        [EXPLAIN_SERVED] = SAY_SERVED,
        [EXPLAIN_NOT_OPEN] = SAY_NOT_OPEN,
        [EXPLAIN_NOT_OFFERED] = SAY_NOT_OFFERED,
        [EXPLAIN_NOT_POSSIBLE] = SAY_NOT_POSSIBLE,
        [EXPLAIN_COMMITTED] = SAY_COMMITTED,
        [EXPLAIN_CAPACITY] = SAY_CAPACITY,
        [EXPLAIN_CLASS] = SAY_CLASS,
        [EXPLAIN_FAIRNESS] = SAY_FAIRNESS,
        [EXPLAIN_COST] = SAY_COST,
        [EXPLAIN_LOT] = SAY_LOT,
    };
    enum explain_cause at = EXPLAIN_SERVED;

    while (at < EXPLAIN_LOT && !bytes_equal(cause, bytes_from_text(explain_cause_name(at)))) {
        at++;
    }
    return sentences[at];
}

static void fill_effect(struct phrase *phrase, const struct effect_row *effect)
{
    fill(phrase, "need", effect->need);
    fill(phrase, "party", effect->party);
    fill_number(phrase, "class", effect->class_number);
    fill_number(phrase, "tranche", effect->tranche);
}

static void say_cause(struct phrase *phrase, const struct explained *explained)
{
    const struct need_row *need = explained->need.items;

    fill(phrase, "product", need->product);
    fill_word(phrase, "state", need->state);
    fill_word(phrase, "rule", explained->rule);
    fill(phrase, "offer", explained->scarce);
    if (explained->displaced.count > 0) {
        fill_effect(phrase, explained->displaced.items);
    }
    say_now(phrase, cause_sentence(explained->cause));
    end_line(phrase);
}

/* Prices and alternatives. */

static void fill_change(struct phrase *phrase, int64_t cost)
{
    fill_number(phrase, "cost", (uint64_t)(cost < 0 ? -cost : cost));
    fill_sentence(phrase, "change", cost > 0 ? SAY_DEARER : cost < 0 ? SAY_CHEAPER : SAY_SAME_COST);
}

static void say_prices(struct phrase *phrase, const struct record_list *list)
{
    const struct price_row *rows = list->items;

    if (list->count > 0) {
        say_now(phrase, SAY_PRICES);
        end_line(phrase);
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct effect_row *effect = rows[i].effect.items;
        indent(phrase);
        fill(phrase, "offer", rows[i].offer);
        say_now(phrase, SAY_PRICE_OF);
        say_made(phrase, rows[i].made);
        fill_effect(phrase, effect);
        fill_change(phrase, effect->cost);
        say_now(phrase, effect->need.size > 0 ? SAY_PRICE_SERVES : SAY_PRICE_SAVES);
        end_line(phrase);
    }
}

static enum sentence effect_sentence(const struct effect_row *effect)
{
    if (effect->need.size > 0) {
        return SAY_EFFECT_NEED;
    }
    return bytes_equal(effect->end, bytes_from_text("swap")) ? SAY_EFFECT_SWAP : SAY_EFFECT_FREE;
}

static void fill_consequence(struct phrase *phrase, const struct effect_row *effect)
{
    struct phrase inner = {.language = phrase->language};

    fill_effect(&inner, effect);
    fill(&inner, "offer", effect->offer);
    say_now(&inner, effect_sentence(effect));
    if (effect->moves > 0) {
        fill_number(&inner, "count", effect->moves);
        say_now(&inner, SAY_MOVES);
    }
    fill_made(phrase, "effect", &inner.line);
}

static void say_option(struct phrase *phrase, const struct option_row *option, int64_t latest)
{
    indent(phrase);
    fill(phrase, "offer", option->offer);
    fill(phrase, "party", option->party);
    fill_number(phrase, "kilometres", option->kilometres);
    fill_number(phrase, "cost", option->cost);
    say_now(phrase, SAY_OPTION);
    say_made(phrase, option->made);
    say_arrival(phrase, option->arrival, latest);
    fill_consequence(phrase, option->effect.items);
    fill_change(phrase, option->plan_cost);
    say_now(phrase, SAY_CONSEQUENCE);
    end_line(phrase);
}

static void say_options(struct phrase *phrase, const struct explained *explained)
{
    const struct option_row *rows = explained->alternatives.items;
    const struct need_row *need = explained->need.items;
    const struct effect_row *freed = explained->freed.items;

    if (explained->alternatives.count == 0) {
        say_now(phrase, SAY_NO_OPTION);
        end_line(phrase);
        return;
    }
    fill(phrase, "offer", explained->instead_of);
    say_now(phrase, explained->instead_of.size > 0 ? SAY_OPTIONS_INSTEAD : SAY_OPTIONS_MORE);
    end_line(phrase);
    for (size_t i = 0; i < explained->alternatives.count; i++) {
        say_option(phrase, &rows[i], need->latest);
    }
    if (explained->freed.count > 0 && freed->need.size > 0) {
        indent(phrase);
        fill_effect(phrase, freed);
        say_now(phrase, SAY_FREED);
        end_line(phrase);
    }
}

/* The smallest change by which one of the offers would be possible. */
static void say_flip(struct phrase *phrase, const struct failure_row *failure)
{
    if (failure->days > 0 || failure->units > 0) {
        join(phrase);
        fill(phrase, "offer", failure->nearest);
        fill_count(phrase, "days", SAY_ONE_DAY, failure->days);
        fill_count(phrase, "units", SAY_ONE_UNIT, failure->units);
        say_now(phrase, failure->days > 0 ? SAY_FLIP_DAYS : SAY_FLIP_UNITS);
    }
    if (failure->code.size > 0) {
        join(phrase);
        fill(phrase, "code", failure->code);
        fill(phrase, "offer", failure->nearest);
        say_now(phrase, SAY_FLIP_NORM);
    }
    if (failure->from != DAY_NONE) {
        join(phrase);
        fill_day(phrase, "day", failure->from);
        say_now(phrase, SAY_FLIP_FROM);
    }
}

static void say_failures(struct phrase *phrase, const struct explained *explained)
{
    const struct failure_row *rows = explained->failures.items;

    if (explained->failures.count > 0) {
        say_now(phrase, SAY_FAILURES);
        end_line(phrase);
    }
    for (size_t i = 0; i < explained->failures.count; i++) {
        indent(phrase);
        fill_count(phrase, "offers", SAY_ONE_OFFER, rows[i].offers);
        fill_word(phrase, "rule", rows[i].reason);
        say_now(phrase, SAY_FAILURE);
        say_flip(phrase, &rows[i]);
        end_line(phrase);
    }
}

/* A pair and an assignment. */

static void say_rules(struct phrase *phrase, const struct record_list *list)
{
    const struct rule_row *rows = list->items;

    say_now(phrase, SAY_RULES);
    end_line(phrase);
    for (size_t i = 0; i < list->count; i++) {
        struct buffer word = {0};
        buffer_format(&word, "+%.*s", BYTES_ARGS(rows[i].rule));
        indent(phrase);
        fill_word(phrase, "rule", buffer_view(&word));
        say_now(phrase, rows[i].holds ? SAY_HOLDS : SAY_FAILS);
        end_line(phrase);
        buffer_deinit(&word);
    }
}

static void say_term(struct phrase *phrase, enum sentence sentence, uint64_t cost,
                     const struct pair_row *pair)
{
    if (cost == 0) {
        return;
    }
    indent(phrase);
    fill_number(phrase, "cost", cost);
    fill_number(phrase, "kilometres", pair->kilometres);
    fill_count(phrase, "days", SAY_ONE_DAY, pair->days_late);
    say_now(phrase, sentence);
    end_line(phrase);
}

static void say_costs(struct phrase *phrase, const struct pair_row *pair)
{
    fill_number(phrase, "cost", pair->cost);
    say_now(phrase, SAY_UNIT_COST);
    end_line(phrase);
    say_term(phrase, SAY_TERM_DISTANCE, pair->distance_cost, pair);
    say_term(phrase, SAY_TERM_REGION, pair->region_cost, pair);
    say_term(phrase, SAY_TERM_COUNTRY, pair->country_cost, pair);
    say_term(phrase, SAY_TERM_LATE, pair->late_cost, pair);
    say_term(phrase, SAY_TERM_SUBSTITUTE, pair->substitute_cost, pair);
    say_term(phrase, SAY_TERM_RECYCLABLE, pair->recyclable_cost, pair);
}

static void say_assignment(struct phrase *phrase, const struct explained *explained)
{
    const struct share_row *share = explained->answered.items;
    const struct need_row *need = explained->need.items;

    fill_number(phrase, "number", share->assignment);
    fill(phrase, "need", need->need);
    fill(phrase, "party", share->party);
    fill(phrase, "offer", share->offer);
    fill_word(phrase, "state", state_word(share->state));
    fill_count(phrase, "units", SAY_ONE_UNIT, share->quantity);
    say_now(phrase, SAY_ASSIGNMENT);
    say_made(phrase, share->made);
    say_arrival(phrase, share->arrival, need->latest);
    end_line(phrase);
    if (life_is_fixed((enum assignment_state)share->state)) {
        say_now(phrase, SAY_FIXED);
        end_line(phrase);
    }
}

static void say_pair(struct phrase *phrase, const struct explained *explained)
{
    const struct pair_row *pair = explained->pairs.items;
    const struct need_row *need = explained->need.items;

    if (explained->answered.count > 0) {
        say_assignment(phrase, explained);
    } else {
        fill(phrase, "offer", pair->offer);
        fill(phrase, "party", pair->party);
        fill(phrase, "need", need->need);
        fill_word(phrase, "state", pair->reason);
        say_now(phrase, SAY_PAIR);
        say_arrival(phrase, pair->arrival, need->latest);
        end_line(phrase);
    }
    say_rules(phrase, &explained->rules);
    if (pair->kilometres > 0 || pair->cost > 0) {
        say_costs(phrase, pair);
    }
    if (explained->rank > 0) {
        fill_number(phrase, "rank", explained->rank);
        fill_number(phrase, "count", explained->possible);
        say_now(phrase, SAY_RANK);
        end_line(phrase);
    }
}

static void say_explained(enum language language, const struct explained *explained)
{
    struct phrase phrase = {.language = language};

    if (explained->pairs.count > 0 && !bytes_equal(explained->t, bytes_from_text("need"))) {
        say_pair(&phrase, explained);
        printf("\n");
    }
    say_need(&phrase, explained->need.items);
    say_tranches(&phrase, &explained->tranches);
    say_shares(&phrase, explained);
    say_cause(&phrase, explained);
    say_options(&phrase, explained);
    say_prices(&phrase, &explained->prices);
    fill_number(&phrase, "count", explained->possible);
    say_now(&phrase, SAY_POSSIBLE);
    end_line(&phrase);
    say_failures(&phrase, explained);
    buffer_deinit(&phrase.line);
}

/* Amid a burst the role asks to come again: until the timeout. */
static enum maillon_status ask(struct cli *cli, const struct explain *request,
                               struct explanation *answer, struct arena *arena)
{
    uint64_t until_ms = clock_ms() + (uint64_t)cli->options.timeout_ms;

    for (;;) {
        enum maillon_status status =
            role_ask(cli, "allocate", &EXPLAIN, request, &EXPLANATION, answer, arena);
        if (status != MAILLON_TRY_AGAIN || clock_ms() >= until_ms) {
            return status;
        }
        poll(NULL, 0, AGAIN_MS);
    }
}

static int print(struct cli *cli, enum language language, const struct explanation *answer,
                 struct arena *arena)
{
    struct explained explained;
    struct refusal refusal;
    struct buffer line = {0};
    /* Who names a language wants sentences, also in a pipe. */
    bool is_json = cli->options.lang == NULL ? cli->is_json : cli->options.json != 0;
    int code = EXIT_DONE;

    if (is_json && proto_value_to_json(answer->body, &line) == STATUS_OK) {
        printf("%.*s\n", BYTES_ARGS(buffer_view(&line)));
    } else if (proto_decode(&EXPLAINED, answer->body, arena, &explained, &refusal) == STATUS_OK) {
        say_explained(language, &explained);
    } else {
        code = complain(EXIT_BUG, "an explanation that does not decode: %s", refusal.why);
    }
    buffer_deinit(&line);
    return code;
}

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

int run_explain(struct cli *cli)
{
    struct explain request = {0};
    struct explanation answer;
    struct arena arena = {0};
    enum language language =
        language_from_locale(getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG"));

    if (cli->options.lang != NULL && !language_from_text(cli->options.lang, &language)) {
        return complain(EXIT_USAGE, "--lang is en or fr, not \"%s\"", cli->options.lang);
    }
    if (is_number(cli->arguments[0])) {
        request.assignment = strtoull(cli->arguments[0], NULL, 10);
    } else {
        request.need = bytes_from_text(cli->arguments[0]);
    }
    if (cli->argument_count > 1) {
        request.offer = bytes_from_text(cli->arguments[1]);
    }
    enum maillon_status status = ask(cli, &request, &answer, &arena);
    int code = EXIT_DONE;
    if (status == MAILLON_OK) {
        code = print(cli, language, &answer, &arena);
    } else if (status == MAILLON_NOT_FOUND) {
        code = complain(EXIT_NOT_FOUND, "nothing known of \"%s\"", cli->arguments[0]);
    } else {
        code = complain(exit_of(status), "the allocate role in \"%s\" does not answer: %s",
                        cli->data, maillon_status_name(status));
    }
    arena_deinit(&arena);
    return code;
}
