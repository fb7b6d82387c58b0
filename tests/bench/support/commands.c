/*
 * commands.c - needs by the million for benchmarks, made by changing a few bytes of one.
 */
#include "tests/bench/support/commands.h"

#include <stdio.h>
#include <string.h>

#define NEED_SAMPLE "need-@@@@@@@@@@@@@@@@"
#define PARTY_SAMPLE "hospital-of-the-region-@@@@@"
#define PRODUCT_SAMPLE "product-@@@@@"

static size_t find(const struct buffer *buffer, const char *text, size_t skip)
{
    const uint8_t *found = memmem(buffer->data, buffer->size, text, strlen(text));

    ENSURE(found != NULL);
    return (size_t)(found - buffer->data) + skip;
}

void need_template_init(struct need_template *template)
{
    static const uint8_t id[SUBMISSION_ID_SIZE] = "@@@@@@@@@@@@@@@@";
    struct buffer body = {0};
    struct need_put need = {
        .need = bytes_from_text(NEED_SAMPLE),
        .party = bytes_from_text(PARTY_SAMPLE),
        .product = bytes_from_text(PRODUCT_SAMPLE),
        .quantity = 256,
        .class_number = 1,
        .due = 36500,
        .latest = 36600,
        .at = 1700000000000,
    };

    proto_encode(&NEED_PUT, &need, &body);
    struct submission submission = {
        .id = {id, sizeof id},
        .type = bytes_from_text(NEED_PUT.name),
        .body = buffer_view(&body),
    };
    *template = (struct need_template){0};
    proto_encode(&SUBMISSION, &submission, &template->bytes);
    buffer_deinit(&body);
    template->id_at = find(&template->bytes, "@@@@@@@@@@@@@@@@", 0);
    template->need_at = find(&template->bytes, "need-@", strlen("need-"));
    template->party_at = find(&template->bytes, "region-@", strlen("region-"));
    template->product_at = find(&template->bytes, "product-@", strlen("product-"));
    template->quantity_at = find(&template->bytes, "quantity", strlen("quantity") + 1);
    template->class_at = find(&template->bytes, "class", strlen("class"));
}

void need_template_deinit(struct need_template *template)
{
    buffer_deinit(&template->bytes);
}

static void write_hex(uint64_t number, uint8_t target[16])
{
    for (int i = 0; i < 16; i++) {
        target[i] = (uint8_t) "0123456789abcdef"[(number >> (60 - 4 * i)) & 15];
    }
}

static void write_digits(uint32_t number, uint8_t target[5])
{
    for (int i = 4; i >= 0; i--, number /= 10) {
        target[i] = (uint8_t)('0' + number % 10);
    }
}

void need_write(const struct need_template *template, const struct need_numbers *numbers,
                uint8_t *target)
{
    ENSURE(numbers->quantity >= 256);
    ENSURE(numbers->class_number >= 1 && numbers->class_number <= CLASS_COUNT);
    memcpy(target, template->bytes.data, template->bytes.size);
    store_u64_be(target + template->id_at, hash_u64(numbers->number));
    store_u64_be(target + template->id_at + 8, numbers->number);
    write_hex(numbers->number, target + template->need_at);
    write_digits(numbers->party, target + template->party_at);
    write_digits(numbers->product, target + template->product_at);
    target[template->quantity_at] = (uint8_t)(numbers->quantity >> 8);
    target[template->quantity_at + 1] = (uint8_t)numbers->quantity;
    target[template->class_at] = numbers->class_number;
}

struct bytes submit_header(const uint8_t id[REQUEST_ID_SIZE],
                           uint8_t target[SUBMIT_HEADER_SIZE_MAX])
{
    static const uint8_t front[] = "\x83\xa1v\x01\xa1t\xa6submit\xa2id\xc4\x10";
    size_t size = sizeof front - 1;

    memcpy(target, front, size);
    memcpy(target + size, id, REQUEST_ID_SIZE);
    return (struct bytes){target, size + REQUEST_ID_SIZE};
}

struct bytes submit_front(size_t count, uint8_t target[SUBMIT_FRONT_SIZE_MAX])
{
    static const uint8_t front[] = "\x81\xa8"
                                   "commands";
    size_t size = sizeof front - 1;

    memcpy(target, front, size);
    if (count < 16) {
        target[size++] = (uint8_t)(0x90 | count);
    } else {
        target[size++] = 0xdc;
        target[size++] = (uint8_t)(count >> 8);
        target[size++] = (uint8_t)count;
    }
    return (struct bytes){target, size};
}

struct bytes bench_party(uint32_t number, char name[BENCH_NAME_SIZE])
{
    snprintf(name, BENCH_NAME_SIZE, "hospital-of-the-region-%05u", number);
    return bytes_from_text(name);
}

struct bytes bench_product(uint32_t number, char name[BENCH_NAME_SIZE])
{
    snprintf(name, BENCH_NAME_SIZE, "product-%05u", number);
    return bytes_from_text(name);
}

void batch_submit_add(struct batch_submit *batch, const struct message *message, const void *record)
{
    struct buffer body = {0};
    uint8_t id[SUBMISSION_ID_SIZE] = "setup";

    store_u64(id + 8, ++batch->number);
    proto_encode(message, record, &body);
    struct submission submission = {
        .id = {id, sizeof id},
        .type = bytes_from_text(message->name),
        .body = buffer_view(&body),
    };
    proto_encode(&SUBMISSION, &submission, &batch->commands);
    buffer_deinit(&body);
    if (++batch->count == COMMANDS_PER_SUBMIT_MAX) {
        batch_submit_flush(batch);
    }
}

static void check_answers(struct bytes body, size_t count)
{
    struct arena arena = {0};
    struct answers answers;
    struct refusal refusal;

    ENSURE(proto_decode(&ANSWERS, body, &arena, &answers, &refusal) == STATUS_OK);
    ENSURE(answers.results.count == count);
    for (size_t i = 0; i < count; i++) {
        const struct result *result = (const struct result *)answers.results.items + i;
        if (!result->accepted) {
            fprintf(stderr, "bench: refused: %.*s %.*s: %.*s\n", BYTES_ARGS(result->code),
                    BYTES_ARGS(result->field), BYTES_ARGS(result->why));
        }
        ENSURE(result->accepted);
    }
    arena_deinit(&arena);
}

void batch_submit_flush(struct batch_submit *batch)
{
    static const uint8_t id[REQUEST_ID_SIZE];
    uint8_t header[SUBMIT_HEADER_SIZE_MAX];
    uint8_t front[SUBMIT_FRONT_SIZE_MAX];
    struct bytes front_bytes = submit_front(batch->count, front);
    struct bytes answer_header;
    struct bytes answer;

    if (batch->count == 0) {
        return;
    }
    uint8_t *body = dealer_put_room(batch->gateway, submit_header(id, header),
                                    front_bytes.size + batch->commands.size);
    memcpy(body, front_bytes.data, front_bytes.size);
    memcpy(body + front_bytes.size, batch->commands.data, batch->commands.size);
    dealer_wait(batch->gateway, &answer_header, &answer);
    check_answers(answer, batch->count);
    batch->commands.size = 0;
    batch->count = 0;
}

void batch_submit_deinit(struct batch_submit *batch)
{
    buffer_deinit(&batch->commands);
}
