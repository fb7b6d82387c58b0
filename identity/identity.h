/*
 * identity.h - key pairs of servers and clients, and the files they live in.
 *
 * A key pair is Curve25519's, as CURVE (ZeroMQ RFC 26) wants it. The public key is a name that
 * anybody may know; who has the secret is the one it names. A secret lies in memory that is
 * locked and fenced while it is in use and overwritten when it is released, and in a file that
 * its owner alone may read.
 *
 *     NAME       # a comment          mode 0600
 *                public <Z85, 40 characters>
 *                secret <Z85, 40 characters>
 *     NAME.pub   public <Z85>         mode 0644
 */
#ifndef IDENTITY_IDENTITY_H
#define IDENTITY_IDENTITY_H

#include "core/base/base.h"

#define IDENTITY_KEY_SIZE 32
#define IDENTITY_TEXT_SIZE 41 /* Z85 with its terminator. */
#define IDENTITY_PROBLEM_SIZE 512

struct identity;

/* A new pair. The caller owns `*identity`. STATUS_NO_MEMORY. */
MUST_USE enum status identity_make(struct identity **identity);

/* Overwrites the secret. */
void identity_close(struct identity *identity);

/* Reads a secret file. Every failure tells in `problem` what is wrong with which file and what to
 * do: STATUS_NOT_FOUND; STATUS_INVALID when somebody else may read the file, or may have put it
 * there; STATUS_MALFORMED when it holds no pair; STATUS_IO, STATUS_NO_MEMORY. */
MUST_USE enum status identity_read(const char *path, struct identity **identity,
                                   char problem[IDENTITY_PROBLEM_SIZE]);

/* Writes `path` and `path`.pub, durably. STATUS_EXISTS when one of them is there: nothing is
 * overwritten; STATUS_IO. Both tell why in `problem`, and leave nothing behind. */
MUST_USE enum status identity_write(const struct identity *identity, const char *path,
                                    char problem[IDENTITY_PROBLEM_SIZE]);

/* Borrowed until identity_close. */
const uint8_t *identity_public(const struct identity *identity);
const uint8_t *identity_secret(const struct identity *identity);

void identity_text(const uint8_t key[IDENTITY_KEY_SIZE], char text[IDENTITY_TEXT_SIZE]);

/* A public key, given as its text or as the file that holds it (`path`.pub, or the secret file).
 * Statuses as identity_read. */
MUST_USE enum status identity_read_public(const char *text_or_path, uint8_t key[IDENTITY_KEY_SIZE],
                                          char problem[IDENTITY_PROBLEM_SIZE]);

#endif
