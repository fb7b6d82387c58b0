#include "node/expected.h"

#include "core/base/mutant.h"

#define READ_SIZE ((size_t)256 * 1024)

/* Bodies of an older version are the same as long as they have nothing to say that is new. */
static bool is_same_entry(const struct entry *made, struct bytes made_body,
                          const struct entry *stored)
{
    return made->seq == stored->seq && made->time_ms == stored->time_ms &&
           made->kind == stored->kind && made->flags == stored->flags &&
           made->cause_first == stored->cause_first && made->cause_last == stored->cause_last &&
           bytes_equal(made_body, stored->body);
}

enum status expected_read(struct expected *expected, const struct world *world, struct entry *entry)
{
    if (expected->left.size == 0) {
        expected->stored.size = 0;
        enum status status =
            world->read(world->context, expected->next, READ_SIZE, &expected->stored);
        if (status != STATUS_OK) {
            return status;
        }
        expected->left = buffer_view(&expected->stored);
    }
    return entry_load(&expected->left, entry);
}

enum expected_outcome expected_meets(struct expected *expected, const struct world *world,
                                     const struct batch *batch, uint64_t last, uint8_t version)
{
    struct entry stored;

    for (size_t i = 0; i < batch->entry_count; i++) {
        if (expected->next > last || expected_read(expected, world, &stored) != STATUS_OK) {
            return EXPECTED_OTHER;
        }
        if (stored.version > version && !MUTANT(37)) {
            return EXPECTED_NEWER;
        }
        if (!is_same_entry(&batch->entries[i], batch_body(batch, i), &stored) && !MUTANT(14)) {
            return EXPECTED_OTHER;
        }
        expected->next++;
    }
    return EXPECTED_MET;
}

void expected_deinit(struct expected *expected)
{
    buffer_deinit(&expected->stored);
    expected->left = (struct bytes){0};
}
