/*
 * sentences_test.c - the catalogue is whole, says the same in each language, and sets it well.
 */
#include "cli/sentences.h"

#include "core/plan/explain.h"
#include "proto/messages.h"
#include "tests/harness.h"

#define BLANK_COUNT_MAX 16

static void expect_said(struct buffer *said, const char *text)
{
    EXPECT_TEXT(buffer_view(said), text);
    said->size = 0;
}

/* The blanks of a sentence, sorted. */
static size_t list_blanks(const char *text, struct bytes blanks[BLANK_COUNT_MAX])
{
    size_t count = 0;

    for (const char *open = strchr(text, '{'); open != NULL; open = strchr(open + 1, '{')) {
        const char *close = strchr(open, '}');
        EXPECT_TRUE(close != NULL);
        EXPECT_TRUE(count < BLANK_COUNT_MAX);
        struct bytes blank = {(const uint8_t *)open + 1, (size_t)(close - open - 1)};
        size_t at = count++;
        for (; at > 0 && bytes_compare(blank, blanks[at - 1]) < 0; at--) {
            blanks[at] = blanks[at - 1];
        }
        blanks[at] = blank;
    }
    return count;
}

static void every_sentence_has_both_languages_and_the_same_blanks(void)
{
    for (int i = 0; i < SENTENCE_COUNT; i++) {
        struct bytes english[BLANK_COUNT_MAX], french[BLANK_COUNT_MAX];
        test_seed = (uint64_t)i;
        for (int language = 0; language < LANGUAGE_COUNT; language++) {
            const char *text = sentence_text((enum language)language, (enum sentence)i);
            EXPECT_TRUE(text != NULL && text[0] != '\0');
        }
        size_t count = list_blanks(sentence_text(LANGUAGE_ENGLISH, (enum sentence)i), english);
        EXPECT_EQ(list_blanks(sentence_text(LANGUAGE_FRENCH, (enum sentence)i), french), count);
        for (size_t j = 0; j < count; j++) {
            EXPECT_TRUE(bytes_equal(english[j], french[j]));
        }
    }
}

static bool ends_with(const char *start, const char *end, const char *wanted)
{
    size_t size = strlen(wanted);

    return (size_t)(end - start) >= size && memcmp(end - size, wanted, size) == 0;
}

static void expect_typography(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        EXPECT_TRUE(*at != '\'');
        EXPECT_TRUE(*at != '"');
        if (*at == ':') {
            EXPECT_TRUE(ends_with(text, at, "\u00a0"));
        } else if (strchr(";!?", *at) != NULL) {
            EXPECT_TRUE(ends_with(text, at, "\u202f"));
        } else if (*at == ' ') {
            EXPECT_TRUE(at == text || at[-1] != ' ');
        }
    }
}

static void french_has_its_typography(void)
{
    for (int i = 0; i < SENTENCE_COUNT; i++) {
        test_seed = (uint64_t)i;
        expect_typography(sentence_text(LANGUAGE_FRENCH, (enum sentence)i));
    }
    test_seed = 0;
    for (size_t i = 0; word_text(LANGUAGE_FRENCH, i) != NULL; i++) {
        expect_typography(word_text(LANGUAGE_FRENCH, i));
        EXPECT_TRUE(word_text(LANGUAGE_ENGLISH, i) != NULL);
    }
}

static void expect_known(const char *word)
{
    struct buffer said = {0};

    say_word(&said, LANGUAGE_FRENCH, bytes_from_text(word));
    EXPECT_TRUE(!bytes_equal(buffer_view(&said), bytes_from_text(word)) ||
                strcmp(word, "possible") == 0);
    buffer_deinit(&said);
}

static void every_state_and_rule_has_its_words(void)
{
    for (int i = MATCH_POSSIBLE; i <= MATCH_REASON_LAST; i++) {
        char plus[64];
        const char *rule = explain_rule_name((enum match_reason)i);
        snprintf(plus, sizeof plus, "+%s", rule);
        expect_known(rule);
        expect_known(plus);
    }
    for (int i = NEED_QUARANTINED; i <= NEED_EXPIRED; i++) {
        expect_known(need_state_name((enum need_state)i));
    }
    for (int i = ASSIGNMENT_PROPOSED; i <= ASSIGNMENT_CANCELLED; i++) {
        expect_known(assignment_state_name((enum assignment_state)i));
    }
}

static void blanks_are_filled_by_name(void)
{
    struct buffer said = {0};
    const struct blank blanks[] = {{"units", bytes_from_text("7")},
                                   {"served", bytes_from_text("5")},
                                   {"tranche", bytes_from_text("2")}};

    say_sentence(&said, LANGUAGE_ENGLISH, SAY_TRANCHE, blanks, 3);
    expect_said(&said, "tranche 2: 5 of 7");
    say_sentence(&said, LANGUAGE_FRENCH, SAY_TRANCHE, blanks, 3);
    expect_said(&said, "tranche 2\u00a0: 5 sur 7");
    buffer_deinit(&said);
}

static void counts_have_their_singular(void)
{
    struct buffer said = {0};

    say_count(&said, LANGUAGE_ENGLISH, SAY_ONE_UNIT, 0);
    expect_said(&said, "0 units");
    say_count(&said, LANGUAGE_FRENCH, SAY_ONE_UNIT, 0);
    expect_said(&said, "0 unité");
    say_count(&said, LANGUAGE_FRENCH, SAY_ONE_DAY, 1);
    expect_said(&said, "1 jour");
    say_count(&said, LANGUAGE_FRENCH, SAY_ONE_OFFER, 1234567);
    expect_said(&said, "1\u202f234\u202f567 offres");
    say_count(&said, LANGUAGE_ENGLISH, SAY_ONE_DAY, 1000);
    expect_said(&said, "1 000 days");
    buffer_deinit(&said);
}

static void days_are_told_in_full(void)
{
    struct buffer said = {0};

    say_day(&said, LANGUAGE_ENGLISH, 0);
    expect_said(&said, "Thursday 1 January 1970");
    say_day(&said, LANGUAGE_FRENCH, 0);
    expect_said(&said, "jeudi 1er janvier 1970");
    say_day(&said, LANGUAGE_FRENCH, 20781);
    expect_said(&said, "mardi 24 novembre 2026");
    buffer_deinit(&said);
}

static void an_unknown_word_is_said_as_it_is(void)
{
    struct buffer said = {0};

    say_word(&said, LANGUAGE_FRENCH, bytes_from_text("moonlit"));
    expect_said(&said, "moonlit");
    buffer_deinit(&said);
}

static void the_language_is_asked_for_or_that_of_the_locale(void)
{
    enum language language = LANGUAGE_ENGLISH;

    EXPECT_TRUE(language_from_text("fr", &language));
    EXPECT_EQ(language, LANGUAGE_FRENCH);
    EXPECT_TRUE(!language_from_text("french", &language));
    EXPECT_EQ(language_from_locale(NULL, NULL, NULL), LANGUAGE_ENGLISH);
    EXPECT_EQ(language_from_locale(NULL, NULL, "fr_FR.UTF-8"), LANGUAGE_FRENCH);
    EXPECT_EQ(language_from_locale(NULL, "en_GB", "fr_FR"), LANGUAGE_ENGLISH);
    EXPECT_EQ(language_from_locale("fr", "en_GB", "de"), LANGUAGE_FRENCH);
    EXPECT_EQ(language_from_locale("", "", "fry_NL"), LANGUAGE_ENGLISH);
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {
        CASE(every_sentence_has_both_languages_and_the_same_blanks),
        CASE(french_has_its_typography),
        CASE(every_state_and_rule_has_its_words),
        CASE(blanks_are_filled_by_name),
        CASE(counts_have_their_singular),
        CASE(days_are_told_in_full),
        CASE(an_unknown_word_is_said_as_it_is),
        CASE(the_language_is_asked_for_or_that_of_the_locale),
    };

    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
