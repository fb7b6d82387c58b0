/*
 * sentences.h - what is said to people, in every language: one catalogue.
 *
 * A sentence has blanks, {like} {this}, which the caller fills by name. Quantities, days and
 * languages' own rules about them are words here as well, so that no caller puts text together.
 */
#ifndef CLI_SENTENCES_H
#define CLI_SENTENCES_H

#include "core/base/calendar.h"
#include "core/base/memory.h"

enum language { LANGUAGE_ENGLISH, LANGUAGE_FRENCH, LANGUAGE_COUNT };

enum sentence {
    /* The need. */
    SAY_NEED,
    SAY_DUE,
    SAY_LATEST,
    SAY_TOTALS,
    SAY_TRANCHE,
    SAY_GETS,
    SAY_GETS_NOTHING,
    SAY_SHARE,
    SAY_MADE,
    SAY_ARRIVAL,
    SAY_SLACK,
    /* What binds it. */
    SAY_SERVED,
    SAY_NOT_OPEN,
    SAY_NOT_OFFERED,
    SAY_NOT_POSSIBLE,
    SAY_COMMITTED,
    SAY_CAPACITY,
    SAY_CLASS,
    SAY_FAIRNESS,
    SAY_COST,
    SAY_LOT,
    /* Prices, and what a unit sets off. */
    SAY_PRICES,
    SAY_PRICE_OF,
    SAY_PRICE_SERVES,
    SAY_PRICE_SAVES,
    SAY_DEARER,
    SAY_CHEAPER,
    SAY_SAME_COST,
    SAY_OPTIONS_MORE,
    SAY_OPTIONS_INSTEAD,
    SAY_NO_OPTION,
    SAY_OPTION,
    SAY_CONSEQUENCE,
    SAY_EFFECT_FREE,
    SAY_EFFECT_NEED,
    SAY_EFFECT_SWAP,
    SAY_MOVES,
    SAY_FREED,
    /* Offers that are not possible. */
    SAY_FAILURES,
    SAY_FAILURE,
    SAY_FLIP_DAYS,
    SAY_FLIP_UNITS,
    SAY_FLIP_NORM,
    SAY_FLIP_FROM,
    SAY_POSSIBLE,
    /* A pair or an assignment. */
    SAY_ASSIGNMENT,
    SAY_PAIR,
    SAY_RULES,
    SAY_HOLDS,
    SAY_FAILS,
    SAY_RANK,
    SAY_UNIT_COST,
    SAY_TERM_DISTANCE,
    SAY_TERM_REGION,
    SAY_TERM_COUNTRY,
    SAY_TERM_LATE,
    SAY_TERM_SUBSTITUTE,
    SAY_TERM_RECYCLABLE,
    SAY_FIXED,
    /* Counted things: one, and any other number. */
    SAY_ONE_UNIT,
    SAY_UNITS,
    SAY_ONE_DAY,
    SAY_DAYS,
    SAY_ONE_OFFER,
    SAY_OFFERS,
    SENTENCE_COUNT
};

struct blank { /* What stands in {name}. */
    const char *name;
    struct bytes text;
};

/* Appends the sentence with its blanks filled; every one must be given (ENSURE). */
void say_sentence(struct buffer *target, enum language language, enum sentence sentence,
                  const struct blank *blanks, size_t count);

/* Appends a number with its digits grouped; "3 units" of one of SAY_ONE_...; "Tuesday 24 November
 * 2026"; a state, rule or the like by its word in messages, which is appended as it is when the
 * catalogue does not know it. */
void say_number(struct buffer *target, enum language language, uint64_t number);
void say_count(struct buffer *target, enum language language, enum sentence one, uint64_t count);
void say_day(struct buffer *target, enum language language, int32_t day);
void say_word(struct buffer *target, enum language language, struct bytes word);

/* The sentence as it stands in the catalogue, and its words, for tests; NULL behind the last. */
const char *sentence_text(enum language language, enum sentence sentence);
const char *word_text(enum language language, size_t index);

/* "en" and "fr"; false for anything else. */
bool language_from_text(const char *text, enum language *language);
/* By the locale: LC_ALL, LC_MESSAGES, LANG, the first one that is set; each may be NULL. */
enum language language_from_locale(const char *all, const char *messages, const char *lang);

#endif
