/*
 * A command's name, a zero, and a file to import: CSV or JSON lines.
 *
 * A row that is taken is a record that satisfies its table and encodes, and the same record as a
 * line of JSON is taken as the same body. Lines are counted upwards. A row that is not taken is
 * refused in words that can be shown.
 */
#include "cli/scenario.h"
#include "tests/fuzz/messages.h"
#include "tests/fuzz/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct collector {
    const struct message *message;
    struct arena arena;
    struct arena rows; /* What their records view. */
    uint64_t line;
    struct buffer json;   /* The rows taken, a line each. */
    struct buffer bodies; /* And their bodies, one behind the other. */
};

static void check_taken(struct collector *collector, const void *record)
{
    fuzz_check_record(collector->message, record, &collector->arena);
    proto_to_json(collector->message, record, &collector->json);
    buffer_append_text(&collector->json, "\n");
    proto_encode(collector->message, record, &collector->bodies);
    arena_reset(&collector->arena);
}

static int on_row(void *context, const struct scenario_row *row)
{
    struct collector *collector = context;

    ENSURE(row->line > collector->line);
    ENSURE(row->message == collector->message);
    collector->line = row->line;
    if (row->refusal != NULL) {
        ENSURE(row->record == NULL);
        fuzz_check_refusal(row->refusal);
    } else {
        check_taken(collector, row->record);
    }
    arena_reset(&collector->rows);
    return 0;
}

static enum status read_rows(const char *path, struct collector *collector)
{
    char problem[256] = "";
    int stopped = 0;

    const struct scenario_taker taker = {
        .row = on_row, .context = collector, .arena = &collector->rows};
    collector->line = 0;
    enum status status = scenario_read_file(path, collector->message, &taker, &stopped, problem);
    ENSURE(stopped == 0);
    ENSURE(status == STATUS_OK || (status == STATUS_INVALID && problem[0] != '\0'));
    return status;
}

static void check_file(const struct message *message, struct bytes file)
{
    struct collector first = {.message = message};
    struct collector second = {.message = message};
    char path[PLACE_PATH_SIZE];

    place_path("rows", path);
    place_write(path, file);
    if (read_rows(path, &first) == STATUS_OK) {
        place_write(path, buffer_view(&first.json));
        ENSURE(read_rows(path, &second) == STATUS_OK);
        ENSURE(bytes_equal(buffer_view(&first.bodies), buffer_view(&second.bodies)));
    }
    arena_deinit(&first.arena);
    arena_deinit(&first.rows);
    arena_deinit(&second.arena);
    arena_deinit(&second.rows);
    buffer_deinit(&first.json);
    buffer_deinit(&first.bodies);
    buffer_deinit(&second.json);
    buffer_deinit(&second.bodies);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes file = {data, size};
    const struct message *message = message_by_name(fuzz_take_word(&file));

    if (message != NULL) {
        check_file(message, file);
    }
    return 0;
}

/* Real files, from their beginning. */
static void give_file(const struct fuzz_sink *sink, const struct message *message, const char *name)
{
    static const size_t sizes[] = {300, 1000};
    const char *source = getenv("MAILLON_SOURCE");
    char path[PATH_MAX];
    char bytes[1000];

    snprintf(path, sizeof path, "%s/config/demo/%s", source == NULL ? "." : source, name);
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return;
    }
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct buffer input = {0};
        buffer_append(&input, message->name, (size_t)message->name_size + 1);
        buffer_append(&input, bytes, min_u64(sizes[i], size));
        fuzz_give(sink, &input);
        buffer_deinit(&input);
    }
}

void fuzz_seeds(const struct fuzz_sink *sink)
{
    give_file(sink, &PRODUCT_PUT, "products.csv");
    give_file(sink, &PARTY_PUT, "parties.csv");
    give_file(sink, &OFFER_PUT, "offers.csv");
    give_file(sink, &CAPACITY_PUT, "capacity.csv");
    give_file(sink, &NEED_PUT, "needs.csv");
    fuzz_message_seeds(sink, FUZZ_JSON);
}

void fuzz_words(const struct fuzz_sink *sink)
{
    static const char *const words[] = {"\xef\xbb\xbf", "\r\n", "\n\n", ";",  "\"\"",
                                        "\"",           "_id",  ",",    "\r", "\"\n\""};

    for (size_t i = 0; ALL_MESSAGES[i] != NULL; i++) {
        for (size_t j = 0; j < ALL_MESSAGES[i]->field_count; j++) {
            fuzz_give_text(sink, ALL_MESSAGES[i]->fields[j].name);
        }
    }
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        fuzz_give_text(sink, words[i]);
    }
}
