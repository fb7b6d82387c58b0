/*
 * scenario_test.c - CSV and JSON lines as commands, in files of a folder that goes away again.
 */
#include "cli/scenario.h"

#include "tests/harness.h"

#include <sys/stat.h>
#include <unistd.h>

#define ROW_COUNT_MAX 32

struct heard { /* What the callback was told. */
    struct {
        uint64_t line;
        uint16_t kind;
        char code[16], field[32], why[160], text[160];
        union command command;
    } rows[ROW_COUNT_MAX];
    size_t count;
    size_t stop_at; /* 0: never. */
    struct arena arena;
    char problem[256];
    int stopped;
};

static void copy(char *target, size_t size, struct bytes text)
{
    snprintf(target, size, "%.*s", BYTES_ARGS(text));
}

static int on_row(void *context, const struct scenario_row *row)
{
    struct heard *heard = context;

    EXPECT_TRUE(heard->count < ROW_COUNT_MAX);
    heard->rows[heard->count].line = row->line;
    heard->rows[heard->count].kind = row->message->kind;
    copy(heard->rows[heard->count].text, 160, row->text);
    if (row->refusal != NULL) {
        EXPECT_TRUE(row->record == NULL);
        copy(heard->rows[heard->count].code, 16, bytes_from_text(row->refusal->code));
        copy(heard->rows[heard->count].field, 32, bytes_from_text(row->refusal->field));
        copy(heard->rows[heard->count].why, 160, bytes_from_text(row->refusal->why));
    } else {
        memcpy(&heard->rows[heard->count].command, row->record, row->message->record_size);
    }
    heard->count++;
    return heard->count == heard->stop_at ? 7 : 0;
}

static enum status read_path(struct heard *heard, const char *path, const struct message *message)
{
    const struct scenario_taker taker = {.row = on_row, .context = heard, .arena = &heard->arena};

    return scenario_read_file(path, message, &taker, &heard->stopped, heard->problem);
}

static enum status read_folder(struct heard *heard, const char *path)
{
    const struct scenario_taker taker = {.row = on_row, .context = heard, .arena = &heard->arena};

    return scenario_read(path, &taker, &heard->stopped, heard->problem);
}

static char folder[64];

static void write_file(const char *name, const char *content, size_t size)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    EXPECT_TRUE(file != NULL);
    EXPECT_EQ(fwrite(content, 1, size, file), size);
    fclose(file);
}

static void remove_file(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    remove(path);
}

static enum status read_file(struct heard *heard, const struct message *message,
                             const char *content, size_t size)
{
    char path[128];

    *heard = (struct heard){.stop_at = heard->stop_at};
    snprintf(path, sizeof path, "%s/file", folder);
    write_file("file", content, size);
    enum status status = read_path(heard, path, message);
    remove_file("file");
    return status;
}

/* Reads the content as needs. */
static enum status read_needs(struct heard *heard, const char *content)
{
    return read_file(heard, &NEED_PUT, content, strlen(content));
}

static const struct need_put *need_at(const struct heard *heard, size_t index)
{
    EXPECT_TRUE(index < heard->count);
    EXPECT_TEXT(bytes_from_text(heard->rows[index].code), "");
    return &heard->rows[index].command.need_put;
}

static void done(struct heard *heard)
{
    arena_deinit(&heard->arena);
}

/* --- Columns ------------------------------------------------------------------------- */

static void columns_come_in_any_order(void)
{
    static const char *const contents[] = {
        "need,party,product,quantity,class,latest\nn1,hospital,mask,20,2,2020-05-01\n",
        "class,latest,quantity,product_id,need_id,party_id\n2,2020-05-01,20,mask,n1,hospital\n",
        "party_id;need_id;product_id;quantity;class;latest\nhospital;n1;mask;20;2;2020-05-01\n",
        "\xef\xbb\xbfneed;party;product;quantity;class;latest\r\nn1;hospital;mask;20;2;2020-05-01",
    };
    struct heard heard = {0};

    for (size_t i = 0; i < COUNT_OF(contents); i++) {
        EXPECT_OK(read_needs(&heard, contents[i]));
        EXPECT_EQ(heard.count, 1);
        const struct need_put *need = need_at(&heard, 0);
        EXPECT_TEXT(need->need, "n1");
        EXPECT_TEXT(need->party, "hospital");
        EXPECT_TEXT(need->product, "mask");
        EXPECT_EQ(need->quantity, 20);
        EXPECT_EQ(need->class_number, 2);
        EXPECT_EQ(need->due, DAY_NONE);
        EXPECT_EQ(need->latest, 18383);
        EXPECT_EQ(heard.rows[0].line, 2);
        done(&heard);
    }
}

static void an_unknown_column_is_refused_with_the_nearest_known_one(void)
{
    struct heard heard = {0};

    EXPECT_STATUS(read_needs(&heard, "need,party,product,quantety,class\nn,p,m,1,1\n"),
                  STATUS_INVALID);
    EXPECT_TRUE(strstr(heard.problem, "\"quantety\"; did you mean \"quantity\"?") != NULL);
    EXPECT_EQ(heard.count, 0);
    EXPECT_STATUS(read_needs(&heard, "need,party,product,something_else\nn,p,m,1\n"),
                  STATUS_INVALID);
    EXPECT_TRUE(strstr(heard.problem, "did you mean") == NULL);
    EXPECT_STATUS(read_needs(&heard, "need,party,need_id\nn,p,m\n"), STATUS_INVALID);
    EXPECT_TRUE(strstr(heard.problem, "twice") != NULL);
}

static void a_file_without_rows_is_fine(void)
{
    static const char *const contents[] = {"", "\n", "\xef\xbb\xbf", "need,party\n", "   \n\n"};
    struct heard heard = {0};

    for (size_t i = 0; i < COUNT_OF(contents); i++) {
        EXPECT_OK(read_needs(&heard, contents[i]));
        EXPECT_EQ(heard.count, 0);
    }
}

static void a_file_of_blanks_alone_is_read_to_its_end(void)
{
    static char blanks[3 * 65536];
    struct heard heard = {0};

    memset(blanks, ' ', sizeof blanks);
    EXPECT_OK(read_file(&heard, &NEED_PUT, blanks, 65536));
    EXPECT_OK(read_file(&heard, &NEED_PUT, blanks, sizeof blanks));
    EXPECT_EQ(heard.count, 0);
}

/* --- Rows ---------------------------------------------------------------------------- */

static void a_refused_row_names_its_field_and_others_go_on(void)
{
    struct heard heard = {0};

    EXPECT_OK(read_needs(&heard, "need,party,product,quantity,class\n"
                                 "n1,p,m,5,1\n"
                                 "n2,p,m,many,1\n"
                                 "n3,p,m,5,9\n"
                                 "n4,p,,5,1\n"
                                 "n5,p,m,5,1,extra\n"
                                 "n6,p,m,5,1,\n"));
    static const char *const codes[] = {"", "type", "range", "missing", "malformed", ""};
    static const char *const fields[] = {"", "quantity", "class", "product", "", ""};
    EXPECT_EQ(heard.count, COUNT_OF(codes));
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        EXPECT_TEXT(bytes_from_text(heard.rows[i].code), codes[i]);
        EXPECT_TEXT(bytes_from_text(heard.rows[i].field), fields[i]);
        EXPECT_EQ(heard.rows[i].line, i + 2);
    }
    EXPECT_TEXT(bytes_from_text(heard.rows[1].text), "n2,p,m,many,1");
    done(&heard);
}

static void lines_are_counted_as_an_editor_does(void)
{
    static const char *const breaks[] = {"\n", "\r\n"};
    static const char *const lines[] = {"need,party,product,quantity,class",
                                        "",
                                        "\"n1\",p,m,5,1",
                                        "\"a",
                                        "",
                                        "b\",p,m,x,1",
                                        "n2,\"p, the \"\"first\"\"\",m,5,1",
                                        "",
                                        "",
                                        "n3,p,m,y,1",
                                        "n4,p,m,z,1"};
    static const uint64_t expected[] = {3, 4, 7, 10, 11};

    for (size_t i = 0; i < COUNT_OF(breaks); i++) {
        struct heard heard = {0};
        struct buffer content = {0};
        for (size_t k = 0; k < COUNT_OF(lines); k++) {
            buffer_append_text(&content, lines[k]);
            buffer_append_text(&content, breaks[i]);
        }
        EXPECT_OK(read_file(&heard, &NEED_PUT, (const char *)content.data, content.size));
        EXPECT_EQ(heard.count, COUNT_OF(expected));
        for (size_t k = 0; k < COUNT_OF(expected); k++) {
            EXPECT_EQ(heard.rows[k].line, expected[k]);
        }
        EXPECT_TEXT(need_at(&heard, 2)->party, "p, the \"first\"");
        buffer_deinit(&content);
        done(&heard);
    }
}

static void a_callback_can_stop_the_reading(void)
{
    struct heard heard = {.stop_at = 2};

    EXPECT_OK(read_needs(&heard, "need,party,product,quantity,class\n"
                                 "n1,p,m,5,1\nn2,p,m,5,1\nn3,p,m,5,1\n"));
    EXPECT_EQ(heard.count, 2);
    EXPECT_EQ(heard.stopped, 7);
    done(&heard);
    EXPECT_OK(read_needs(&heard, "{\"need\":\"a\"}\n{\"need\":\"b\"}\n{\"need\":\"c\"}\n"));
    EXPECT_EQ(heard.count, 2);
    EXPECT_EQ(heard.stopped, 7);
    done(&heard);
}

static void json_lines_give_commands_too(void)
{
    struct heard heard = {0};

    EXPECT_OK(read_needs(&heard, "\n{\"need\":\"n1\",\"party\":\"p\",\"product\":\"m\","
                                 "\"quantity\":5,\"class\":1}\r\n\r\n"
                                 "{\"need\":\"n2\",\"partie\":\"p\"}\n"
                                 "{\"need\":\n"
                                 "{\"need\":\"n3\",\"party\":\"p\",\"product\":\"m\","
                                 "\"quantity\":5,\"class\":2}"));
    static const uint64_t lines[] = {2, 4, 5, 6};
    EXPECT_EQ(heard.count, COUNT_OF(lines));
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        EXPECT_EQ(heard.rows[i].line, lines[i]);
    }
    EXPECT_TEXT(need_at(&heard, 0)->need, "n1");
    EXPECT_TEXT(bytes_from_text(heard.rows[1].code), "unknown");
    EXPECT_TRUE(strstr(heard.rows[1].why, "party") != NULL);
    EXPECT_TEXT(bytes_from_text(heard.rows[2].code), "malformed");
    EXPECT_EQ(need_at(&heard, 3)->class_number, 2);
    done(&heard);
}

/* Control characters are no part of an id: each row is refused, and starts two lines on. */
static int expect_next_row(void *context, const struct scenario_row *row)
{
    uint64_t *count = context;

    EXPECT_EQ(row->line, 2 + 2 * *count);
    EXPECT_TRUE(row->refusal != NULL);
    EXPECT_TEXT(bytes_from_text(row->refusal->field), "party");
    (*count)++;
    return 0;
}

/* Files are read in pieces: no row may depend on where one ends. */
static void a_long_file_gives_every_row(void)
{
    struct buffer content = {0};
    struct arena arena = {0};
    char path[128];
    char problem[256];
    uint64_t count = 0;
    int stopped = 0;

    buffer_append_text(&content, "need,party,product,quantity,class\n");
    for (unsigned i = 0; i < 20000; i++) {
        buffer_format(&content, "n%u,\"a\nparty\",m,5,1\n", i);
    }
    write_file("needs.csv", (const char *)content.data, content.size);
    snprintf(path, sizeof path, "%s/needs.csv", folder);
    const struct scenario_taker taker = {
        .row = expect_next_row, .context = &count, .arena = &arena};
    EXPECT_OK(scenario_read_file(path, &NEED_PUT, &taker, &stopped, problem));
    EXPECT_EQ(count, 20000);
    remove_file("needs.csv");
    buffer_deinit(&content);
    arena_deinit(&arena);
}

/* --- Folders ------------------------------------------------------------------------- */

static void write_text(const char *name, const char *content)
{
    write_file(name, content, strlen(content));
}

static void files_are_read_in_the_order_of_their_references(void)
{
    static const uint16_t kinds[] = {KIND_PRODUCT_PUT, KIND_PARTY_PUT,       KIND_SUBSTITUTE_PUT,
                                     KIND_NORM_PUT,    KIND_CERTIFICATE_PUT, KIND_EXCLUSION_PUT,
                                     KIND_OFFER_PUT,   KIND_NEED_PUT};
    struct heard heard = {0};

    write_text("needs.csv", "need,party,product,quantity,class\nn,p,m,1,1\n");
    write_text("products.csv", "product\nm\n");
    write_text("offers.csv", "offer,party,product,kind,quantity\no,p,m,stock,5\n");
    write_text("parties.csv", "party,roles\np,offerer|requester\n");
    write_text("exclusions.csv", "exclusion_id,party_id,other_id,reason\nx,p,q,conflict\n");
    write_text("certificates.csv", "certificate_id,party_id,product_id,code,number,from,to,state\n"
                                   "c,p,m,EN 149,77,2020-04-01,2021-04-01,revoked\n");
    write_text("norms.csv", "norm_id,product_id,code,country,region,class,from,to\n"
                            "r,m,EN 149,FR,,2,2020-04-01,\n");
    write_text("substitutes.csv", "substitute_id,product_id,given_id,rank,from,to\ns,m,k,3,,\n");
    EXPECT_EQ(scenario_count(folder), 8);
    EXPECT_OK(read_folder(&heard, folder));
    EXPECT_EQ(heard.count, COUNT_OF(kinds));
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        EXPECT_EQ(heard.rows[i].kind, kinds[i]);
        EXPECT_TEXT(bytes_from_text(heard.rows[i].code), "");
    }
    EXPECT_EQ(heard.rows[1].command.party_put.roles, ROLE_OFFERER | ROLE_REQUESTER);
    EXPECT_EQ(heard.rows[2].command.substitute_put.rank, 3);
    EXPECT_EQ(heard.rows[2].command.substitute_put.from, DAY_NONE);
    EXPECT_EQ(heard.rows[3].command.norm_put.class_number, 2);
    EXPECT_EQ(heard.rows[3].command.norm_put.region.size, 0);
    EXPECT_EQ(heard.rows[4].command.certificate_put.state, CERTIFICATE_REVOKED);
    EXPECT_EQ(heard.rows[4].command.certificate_put.to, 18353 + 365);
    remove_file("substitutes.csv");
    remove_file("norms.csv");
    remove_file("certificates.csv");
    remove_file("exclusions.csv");
    remove_file("needs.csv");
    remove_file("products.csv");
    remove_file("offers.csv");
    remove_file("parties.csv");
    done(&heard);
}

static void a_folder_without_any_of_the_files_is_not_found(void)
{
    struct heard heard = {0};

    EXPECT_STATUS(read_folder(&heard, folder), STATUS_NOT_FOUND);
    EXPECT_TRUE(strstr(heard.problem, "needs.csv") != NULL);
    EXPECT_STATUS(read_path(&heard, "/nowhere/at/all", &NEED_PUT), STATUS_NOT_FOUND);
    EXPECT_TRUE(strstr(heard.problem, "/nowhere/at/all") != NULL);
}

static void a_file_that_cannot_be_read_is_not_skipped(void)
{
    struct heard heard = {0};
    char path[128];

    write_text("needs.csv", "need,party,product,quantity,class\nn,p,m,1,1\n");
    snprintf(path, sizeof path, "%s/products.csv", folder);
    EXPECT_EQ(mkdir(path, 0700), 0);
    EXPECT_STATUS(read_folder(&heard, folder), STATUS_IO);
    EXPECT_TRUE(strstr(heard.problem, "products.csv") != NULL);
    EXPECT_EQ(heard.count, 0);
    rmdir(path);
    remove_file("needs.csv");
}

static const struct test_case cases[] = {
    CASE(columns_come_in_any_order),
    CASE(an_unknown_column_is_refused_with_the_nearest_known_one),
    CASE(a_file_without_rows_is_fine),
    CASE(a_file_of_blanks_alone_is_read_to_its_end),
    CASE(a_refused_row_names_its_field_and_others_go_on),
    CASE(lines_are_counted_as_an_editor_does),
    CASE(a_callback_can_stop_the_reading),
    CASE(json_lines_give_commands_too),
    CASE(a_long_file_gives_every_row),
    CASE(files_are_read_in_the_order_of_their_references),
    CASE(a_folder_without_any_of_the_files_is_not_found),
    CASE(a_file_that_cannot_be_read_is_not_skipped),
};

static void remove_folder(void)
{
    remove_file("file");
    remove_file("needs.csv");
    rmdir(folder);
}

int main(int argc, char **argv)
{
    const char *parent = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%s/scenario_test.XXXXXX", parent == NULL ? "/tmp" : parent);
    ENSURE(mkdtemp(folder) != NULL);
    atexit(remove_folder);
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
