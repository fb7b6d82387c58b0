/*
 * messages.h - inputs for targets that read messages: a message's name, a zero, and its body.
 *
 * Everything comes from the tables, so that a new message is covered by itself.
 */
#ifndef TESTS_FUZZ_MESSAGES_H
#define TESTS_FUZZ_MESSAGES_H

#include "proto/table.h"
#include "tests/fuzz/fuzz.h"

/* NULL when no message is called so. */
const struct message *fuzz_message(struct bytes name);

/* Some records of every message, as its bytes or as JSON. */
enum fuzz_form { FUZZ_PACKED, FUZZ_JSON };
void fuzz_message_seeds(const struct fuzz_sink *sink, enum fuzz_form form);

/* Names of messages and fields, choices. */
void fuzz_message_words(const struct fuzz_sink *sink, enum fuzz_form form);

/* What is true of every refusal. */
void fuzz_check_refusal(const struct refusal *refusal);

/* What is true of every record that was taken: its bytes and its JSON lead back to it. */
void fuzz_check_record(const struct message *message, const void *record, struct arena *arena);

#endif
