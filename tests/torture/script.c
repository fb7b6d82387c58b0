#include "tests/torture/script.h"

#include "tests/sim/draw.h"
#include "tests/unit/journal_fixture.h"

#define APPEND_COUNT_MAX 8
#define BULK_COUNT_MAX 60
#define KEPT_COUNT 40 /* Entries, so that images stay small. */
#define MAP_SIZE ((uint64_t)4 << 20)
#define RESERVE ((uint64_t)64 << 10)
#define PARTITION 7

static void draw_changes(struct draw *draw, uint32_t version, struct step *step)
{
    bool is_checkpoint = draw_below(draw, 6) == 0;

    step->change_count =
        is_checkpoint ? SCRIPT_CHANGE_COUNT_MAX : draw_below(draw, SCRIPT_CHANGE_COUNT_MAX / 2);
    for (size_t i = 0; i < step->change_count; i++) {
        step->changes[i] = (struct change){
            .table = (uint8_t)(1 + draw_below(draw, SCRIPT_TABLE_COUNT)),
            .key = (uint8_t)draw_below(draw, SCRIPT_KEY_COUNT),
            .version = draw_below(draw, 5) == 0 ? 0 : version,
        };
    }
}

static struct step draw_step(uint64_t seed, size_t index, const struct state *before)
{
    struct draw draw = draw_of(seed, index);
    struct step step = {.action = ACTION_COMMIT};
    uint64_t kind = draw_below(&draw, 16);

    if (kind == 0) {
        step.action = ACTION_REOPEN;
    } else if (kind == 1) {
        step.action = ACTION_COPY;
    } else {
        step.append_count = draw_below(&draw, kind == 2 ? BULK_COUNT_MAX : APPEND_COUNT_MAX);
        draw_changes(&draw, (uint32_t)index + 1, &step);
        if (before->last + 1 - before->oldest > KEPT_COUNT && draw_below(&draw, 3) == 0) {
            step.trim_upto = before->oldest + draw_below(&draw, KEPT_COUNT);
        }
    }
    return step;
}

static struct state apply(const struct step *step, struct state state)
{
    state.last += step->append_count;
    if (step->trim_upto > 0) {
        state.oldest = step->trim_upto + 1;
    }
    for (size_t i = 0; i < step->change_count; i++) {
        const struct change *change = &step->changes[i];
        state.rows[change->table - 1][change->key] = change->version;
    }
    return state;
}

void script_init(struct script *script, uint64_t seed, size_t step_count)
{
    ENSURE(step_count <= SCRIPT_STEP_COUNT_MAX);
    *script = (struct script){.seed = seed, .step_count = step_count};
    script->states[0].oldest = 1;
    for (size_t i = 0; i < step_count; i++) {
        script->steps[i] = draw_step(seed, i, &script->states[i]);
        script->states[i + 1] = apply(&script->steps[i], script->states[i]);
    }
}

struct journal_options script_options(const struct script *script, const char *directory,
                                      char *path, size_t path_size)
{
    snprintf(path, path_size, "%s/feed", directory);
    return (struct journal_options){
        .path = path,
        .size_max = MAP_SIZE,
        .reserve = script->seed % 3 == 0 ? RESERVE : 0,
        .partition = PARTITION,
    };
}

void script_copy_path(const char *directory, size_t index, char *path, size_t path_size)
{
    snprintf(path, path_size, "%s/copy-%zu", directory, index);
}

struct bytes script_key(uint8_t number, uint8_t key[2])
{
    key[0] = 'k';
    key[1] = number;
    return (struct bytes){.data = key, .size = 2};
}

/* Now and then a value that takes pages of its own. */
struct bytes script_value(const struct change *row, uint8_t value[SCRIPT_ROW_SIZE_MAX])
{
    struct draw draw = draw_of(row->version, (uint64_t)row->table << 8 | row->key);
    size_t size = draw_below(&draw, draw_below(&draw, 8) == 0 ? SCRIPT_ROW_SIZE_MAX : 300);

    for (size_t i = 0; i < size; i++) {
        value[i] = (uint8_t)draw_next(&draw);
    }
    return (struct bytes){.data = value, .size = size};
}

static enum status write_rows(const struct step *step, struct journal_transaction *txn)
{
    uint8_t value[SCRIPT_ROW_SIZE_MAX];
    uint8_t key_bytes[2];
    enum status status = STATUS_OK;

    for (size_t i = 0; i < step->change_count && status == STATUS_OK; i++) {
        const struct change *change = &step->changes[i];
        struct bytes key = script_key(change->key, key_bytes);
        status = change->version == 0
                     ? journal_delete_row(txn, change->table, key)
                     : journal_put_row(txn, change->table, key, script_value(change, value));
    }
    return status;
}

static enum status write_all(const struct step *step, const struct state *before,
                             struct journal_transaction *txn)
{
    uint8_t body[BODY_SIZE_MAX];
    enum status status = STATUS_OK;
    size_t trimmed = 0;

    for (uint64_t i = 1; i <= step->append_count && status == STATUS_OK; i++) {
        struct entry entry = entry_of(before->last + i, body);
        status = journal_append(txn, &entry, 1);
    }
    if (status == STATUS_OK) {
        status = write_rows(step, txn);
    }
    if (status == STATUS_OK && step->trim_upto > 0) {
        status = journal_trim(txn, step->trim_upto, SIZE_MAX, &trimmed);
    }
    return status;
}

enum status script_write(const struct step *step, const struct state *before,
                         struct journal *journal)
{
    struct journal_transaction *txn = NULL;
    enum status status = journal_begin(journal, &txn);

    if (status != STATUS_OK) {
        return status;
    }
    status = write_all(step, before, txn);
    if (status != STATUS_OK) {
        journal_abort(txn);
        return status;
    }
    return journal_commit(txn);
}
