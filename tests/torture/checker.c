#include "tests/torture/checker.h"

#include "tests/unit/journal_fixture.h"

#include <stdarg.h>

#define GO_ON_COUNT 2 /* Commits after the fault. */

static bool PRINTF_LIKE(2, 3) complain(char problem[PROBLEM_SIZE], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(problem, PROBLEM_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

void expectation_take(struct expectation *expectation, const struct record *mark)
{
    switch ((enum mark)mark->file) {
    case MARK_OPENED:
        expectation->is_opened = true;
        expectation->epoch = mark->at;
        return;
    case MARK_BEGUN:
        expectation->begun = (size_t)mark->at + 1;
        return;
    case MARK_DONE:
        expectation->acknowledged = (size_t)mark->at + 1;
        return;
    }
    UNREACHABLE();
}

/* --- Contents ------------------------------------------------------------------------------- */

static enum status check_entries(struct journal_reader *reader, const struct state *state,
                                 char problem[PROBLEM_SIZE])
{
    struct entry entry;
    enum status status = journal_seek(reader, state->oldest);

    for (uint64_t seq = state->oldest; status == STATUS_OK && seq <= state->last; seq++) {
        status = journal_read(reader, &entry);
        if (status == STATUS_OK && (entry.seq != seq || !entry_is_right(&entry))) {
            complain(problem, "entry %" PRIu64 " is not what was written", seq);
            return STATUS_INVALID;
        }
    }
    return status;
}

struct row_visit {
    const struct state *state;
    uint8_t table;
    size_t found;
    char *problem;
};

static enum status check_row(void *context, struct bytes key, struct bytes value)
{
    struct row_visit *visit = context;
    uint8_t wanted[SCRIPT_ROW_SIZE_MAX];
    uint8_t number = key.size == 2 ? key.data[1] : UINT8_MAX;
    struct change row = {.table = visit->table, .key = number};

    if (number < SCRIPT_KEY_COUNT) {
        row.version = visit->state->rows[visit->table - 1][number];
    }
    if (row.version == 0 || !bytes_equal(value, script_value(&row, wanted))) {
        complain(visit->problem, "row %u of table %u is not what was written", number,
                 visit->table);
        return STATUS_INVALID;
    }
    visit->found++;
    return STATUS_OK;
}

static size_t count_rows(const struct state *state, uint8_t table)
{
    size_t count = 0;

    for (size_t i = 0; i < SCRIPT_KEY_COUNT; i++) {
        count += state->rows[table - 1][i] != 0;
    }
    return count;
}

static enum status check_rows(struct journal_reader *reader, const struct state *state,
                              char problem[PROBLEM_SIZE])
{
    enum status status = STATUS_OK;

    for (uint8_t table = 1; table <= SCRIPT_TABLE_COUNT && status == STATUS_OK; table++) {
        struct row_visit visit = {.state = state, .table = table, .problem = problem};
        status = journal_each_row(reader, table, (struct bytes){0}, check_row, &visit);
        if (status == STATUS_OK && visit.found != count_rows(state, table)) {
            complain(problem, "%zu rows of %zu in table %u", visit.found, count_rows(state, table),
                     table);
            status = STATUS_INVALID;
        }
    }
    return status;
}

enum status check_contents(struct journal *journal, const struct state *state,
                           char problem[PROBLEM_SIZE])
{
    struct journal_reader *reader = NULL;
    struct journal_head head = journal_head(journal);

    if (head.last != state->last || head.oldest != state->oldest) {
        complain(problem, "entries %" PRIu64 " to %" PRIu64 " instead of %" PRIu64 " to %" PRIu64,
                 head.oldest, head.last, state->oldest, state->last);
        return STATUS_INVALID;
    }
    enum status status = journal_reader_open(journal, &reader);
    if (status == STATUS_OK) {
        status = check_entries(reader, state, problem);
    }
    if (status == STATUS_OK) {
        status = check_rows(reader, state, problem);
    }
    journal_reader_close(reader);
    return status;
}

/* --- What a fault left ------------------------------------------------------------------------ */

static bool is_verified(struct journal *journal, char problem[PROBLEM_SIZE])
{
    struct journal_report report;
    enum status status = journal_verify(journal, &report);

    return status == STATUS_OK ||
           complain(problem, "verify: %s: %s", status_name(status), report.problem);
}

/* The state is that of the last acknowledged step or of the one begun behind it: whole. */
static bool find_state(const struct script *script, const struct expectation *expectation,
                       struct journal *journal, size_t *steps, char problem[PROBLEM_SIZE])
{
    for (*steps = expectation->acknowledged; *steps <= expectation->begun; ++*steps) {
        if (check_contents(journal, &script->states[*steps], problem) == STATUS_OK) {
            return true;
        }
    }
    return false;
}

/* What opens must also work. */
static bool goes_on(const struct script *script, size_t steps, struct journal *journal,
                    char problem[PROBLEM_SIZE])
{
    struct state state = script->states[steps];
    struct step step = {.append_count = 3};

    for (int i = 0; i < GO_ON_COUNT; i++) {
        enum status status = script_write(&step, &state, journal);
        if (status != STATUS_OK) {
            return complain(problem, "it does not go on: %s", status_name(status));
        }
        state.last += step.append_count;
    }
    return check_contents(journal, &state, problem) == STATUS_OK;
}

static bool check_feed(const struct script *script, const struct expectation *expectation,
                       struct journal *journal, char problem[PROBLEM_SIZE])
{
    size_t steps = 0;

    if (expectation->is_opened && journal_head(journal).epoch != expectation->epoch) {
        return complain(problem, "another journal than the one that was opened");
    }
    return is_verified(journal, problem) &&
           find_state(script, expectation, journal, &steps, problem) &&
           goes_on(script, steps, journal, problem);
}

static bool check_opened_feed(const struct script *script, const struct expectation *expectation,
                              const char *directory, char problem[PROBLEM_SIZE])
{
    char path[PATH_MAX];
    struct journal *journal = NULL;
    struct journal_options options = script_options(script, directory, path, sizeof path);
    enum status status = journal_open(&options, &journal);

    if (status != STATUS_OK) {
        return complain(problem, "the journal does not open: %s", status_name(status));
    }
    bool is_good = check_feed(script, expectation, journal, problem);
    journal_close(journal);
    return is_good;
}

/* A copy is there whole, or not at all; an acknowledged one is there. */
static bool check_copy(const struct script *script, const struct expectation *expectation,
                       size_t index, const char *directory, char problem[PROBLEM_SIZE])
{
    char path[PATH_MAX];
    struct journal *journal = NULL;
    struct journal_options options = {.path = path, .read_only = true};

    script_copy_path(directory, index, path, sizeof path);
    enum status status = journal_open(&options, &journal);
    if (status == STATUS_NOT_FOUND && index >= expectation->acknowledged) {
        return true;
    }
    if (status != STATUS_OK) {
        return complain(problem, "copy %zu: %s", index, status_name(status));
    }
    bool is_good = is_verified(journal, problem) &&
                   check_contents(journal, &script->states[index], problem) == STATUS_OK;
    journal_close(journal);
    return is_good;
}

bool check_left(const struct script *script, const struct expectation *expectation,
                const char *directory, char problem[PROBLEM_SIZE])
{
    bool is_good = check_opened_feed(script, expectation, directory, problem);

    for (size_t i = 0; i < expectation->begun && is_good; i++) {
        if (script->steps[i].action == ACTION_COPY) {
            is_good = check_copy(script, expectation, i, directory, problem);
        }
    }
    return is_good;
}
