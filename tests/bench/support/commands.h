/*
 * commands.h - needs by the million for benchmarks, made by changing a few bytes of one.
 */
#ifndef TESTS_BENCH_SUPPORT_COMMANDS_H
#define TESTS_BENCH_SUPPORT_COMMANDS_H

#include "proto/messages.h"
#include "tests/bench/support/zmtp.h"

#define REQUEST_ID_SIZE 16

/* A submission of a need as bytes, and where in it the varying parts are. */
struct need_template {
    struct buffer bytes;
    size_t id_at;       /* SUBMISSION_ID_SIZE bytes. */
    size_t need_at;     /* 16 hexadecimal digits. */
    size_t party_at;    /* 5 digits. */
    size_t product_at;  /* 5 digits. */
    size_t quantity_at; /* 2 bytes, big-endian; at least 256. */
    size_t class_at;    /* 1 byte. */
};

struct need_numbers {
    uint64_t number; /* Of the need and its submission. */
    uint32_t party;
    uint32_t product;
    uint16_t quantity; /* At least 256. */
    uint8_t class_number;
};

void need_template_init(struct need_template *template);
void need_template_deinit(struct need_template *template);

/* Writes one submission: `template->bytes.size` bytes at `target`. */
void need_write(const struct need_template *template, const struct need_numbers *numbers,
                uint8_t *target);

/* The header of a submit whose id is `id`, and the front of its body. */
#define SUBMIT_HEADER_SIZE_MAX 64
#define SUBMIT_FRONT_SIZE_MAX 16
struct bytes submit_header(const uint8_t id[REQUEST_ID_SIZE],
                           uint8_t target[SUBMIT_HEADER_SIZE_MAX]);
struct bytes submit_front(size_t count, uint8_t target[SUBMIT_FRONT_SIZE_MAX]);

/* The names that go with the numbers. */
#define BENCH_NAME_SIZE 40
struct bytes bench_party(uint32_t number, char name[BENCH_NAME_SIZE]);
struct bytes bench_product(uint32_t number, char name[BENCH_NAME_SIZE]);

/* Collects commands and submits them, 256 at a time, each answered before the next go. Stops the
 * process when one is refused. */
struct batch_submit {
    struct dealer *gateway;
    struct buffer commands;
    size_t count;
    uint64_t number; /* Of the last submission. */
};
void batch_submit_add(struct batch_submit *batch, const struct message *message,
                      const void *record);
void batch_submit_flush(struct batch_submit *batch);
void batch_submit_deinit(struct batch_submit *batch);

#endif
