/*
 * identity.c - keys by libsodium, files by hand.
 *
 * What is read from a secret file, and what is written to one, passes through memory of
 * sodium_malloc: no copy of a secret stays in a buffer of the C library.
 */
#include "identity/identity.h"

#include "core/base/z85.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_SIZE (IDENTITY_TEXT_SIZE - 1)
#define FILE_SIZE_MAX 1024
#define PATH_SIZE_MAX 4096
#define OTHERS (S_IRWXG | S_IRWXO)

static const char COMMENT[] = "# A key of maillon. Whoever has the secret is you: keep this file "
                              "to yourself, mode 0600.\n";
static const char PUBLIC_WORD[] = "public ";
static const char SECRET_WORD[] = "secret ";

struct identity {
    uint8_t public_key[IDENTITY_KEY_SIZE];
    uint8_t *secret; /* Of sodium_malloc. */
};

static void PRINTF_LIKE(2, 3) describe(char problem[IDENTITY_PROBLEM_SIZE], const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(problem, IDENTITY_PROBLEM_SIZE, format, arguments);
    va_end(arguments);
}

static enum status describe_errno(char problem[IDENTITY_PROBLEM_SIZE], const char *what,
                                  const char *path)
{
    int code = errno;

    describe(problem, "cannot %s %.300s: %s", what, path, strerror(code));
    return code == ENOENT ? STATUS_NOT_FOUND : code == EEXIST ? STATUS_EXISTS : STATUS_IO;
}

static struct identity *take(void)
{
    struct identity *identity = sodium_init() < 0 ? NULL : calloc(1, sizeof *identity);

    if (identity == NULL) {
        return NULL;
    }
    identity->secret = sodium_malloc(IDENTITY_KEY_SIZE);
    if (identity->secret == NULL) {
        free(identity);
        return NULL;
    }
    return identity;
}

enum status identity_make(struct identity **identity)
{
    struct identity *made = take();

    if (made == NULL) {
        return STATUS_NO_MEMORY;
    }
    ENSURE(crypto_box_keypair(made->public_key, made->secret) == 0);
    *identity = made;
    return STATUS_OK;
}

void identity_close(struct identity *identity)
{
    if (identity != NULL) {
        sodium_free(identity->secret);
        free(identity);
    }
}

const uint8_t *identity_public(const struct identity *identity)
{
    return identity->public_key;
}

const uint8_t *identity_secret(const struct identity *identity)
{
    return identity->secret;
}

void identity_text(const uint8_t key[IDENTITY_KEY_SIZE], char text[IDENTITY_TEXT_SIZE])
{
    z85_encode((struct bytes){key, IDENTITY_KEY_SIZE}, text);
    text[TEXT_SIZE] = '\0';
}

/* --- Reading --------------------------------------------------------------------------- */

/* The key on the line that starts with `word`. */
static bool find_key(struct bytes text, const char *word, uint8_t key[IDENTITY_KEY_SIZE])
{
    size_t word_size = strlen(word);
    const uint8_t *end = text.data + text.size;

    for (const uint8_t *line = text.data; line != NULL && line < end;) {
        const uint8_t *newline = memchr(line, '\n', (size_t)(end - line));
        size_t size = (size_t)((newline == NULL ? end : newline) - line);
        if (size == word_size + TEXT_SIZE && memcmp(line, word, word_size) == 0) {
            return z85_decode((struct bytes){line + word_size, TEXT_SIZE}, key) == STATUS_OK;
        }
        line = newline == NULL ? NULL : newline + 1;
    }
    return false;
}

static enum status check_secrecy(int descriptor, const char *path,
                                 char problem[IDENTITY_PROBLEM_SIZE])
{
    struct stat file;

    if (fstat(descriptor, &file) != 0) {
        return describe_errno(problem, "read", path);
    }
    if (!S_ISREG(file.st_mode)) {
        describe(problem, "%.300s is no file", path);
        return STATUS_INVALID;
    }
    if ((file.st_mode & OTHERS) != 0) {
        describe(problem,
                 "%.300s has mode 0%o: others may have read the secret; run 'chmod 600', or make "
                 "a new key",
                 path, file.st_mode & 07777u);
        return STATUS_INVALID;
    }
    if (file.st_uid != geteuid() && file.st_uid != 0) {
        describe(problem, "%.300s belongs to another user", path);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* All that the file holds, up to the limit; `*size` above it when there is more. */
static enum status read_whole(int descriptor, const char *path, uint8_t *text, size_t *size,
                              char problem[IDENTITY_PROBLEM_SIZE])
{
    *size = 0;
    while (*size < FILE_SIZE_MAX) {
        ssize_t got = read(descriptor, text + *size, FILE_SIZE_MAX - *size);
        if (got < 0 && errno != EINTR) {
            return describe_errno(problem, "read", path);
        }
        if (got == 0) {
            return STATUS_OK;
        }
        *size += got > 0 ? (size_t)got : 0;
    }
    return STATUS_OK;
}

/* What was computed from the secret must be what stands beside it. */
static enum status parse_pair(struct bytes text, const char *path, struct identity *identity,
                              char problem[IDENTITY_PROBLEM_SIZE])
{
    uint8_t computed[IDENTITY_KEY_SIZE];

    if (!find_key(text, SECRET_WORD, identity->secret) ||
        !find_key(text, PUBLIC_WORD, identity->public_key)) {
        describe(problem, "%.300s holds no secret key: make one with 'maillon key new'", path);
        return STATUS_MALFORMED;
    }
    ENSURE(crypto_scalarmult_base(computed, identity->secret) == 0);
    if (memcmp(computed, identity->public_key, sizeof computed) != 0) {
        describe(problem, "%.300s: the public key is not the secret's", path);
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

static enum status read_pair(int descriptor, const char *path, struct identity *identity,
                             char problem[IDENTITY_PROBLEM_SIZE])
{
    size_t size = 0;
    uint8_t *text = sodium_malloc(FILE_SIZE_MAX);

    if (text == NULL) {
        describe(problem, "no memory to read %.300s", path);
        return STATUS_NO_MEMORY;
    }
    enum status status = check_secrecy(descriptor, path, problem);
    if (status == STATUS_OK) {
        status = read_whole(descriptor, path, text, &size, problem);
    }
    if (status == STATUS_OK) {
        status = parse_pair((struct bytes){text, size}, path, identity, problem);
    }
    sodium_free(text);
    return status;
}

enum status identity_read(const char *path, struct identity **identity,
                          char problem[IDENTITY_PROBLEM_SIZE])
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (descriptor < 0) {
        return describe_errno(problem, "read", path);
    }
    struct identity *made = take();
    enum status status = STATUS_NO_MEMORY;
    if (made == NULL) {
        describe(problem, "no memory for the key of %.300s", path);
    } else {
        status = read_pair(descriptor, path, made, problem);
    }
    close(descriptor);
    if (status != STATUS_OK) {
        identity_close(made);
        return status;
    }
    *identity = made;
    return STATUS_OK;
}

enum status identity_read_public(const char *text_or_path, uint8_t key[IDENTITY_KEY_SIZE],
                                 char problem[IDENTITY_PROBLEM_SIZE])
{
    uint8_t text[FILE_SIZE_MAX];
    size_t size = 0;
    struct bytes given = bytes_from_text(text_or_path);

    if (given.size == TEXT_SIZE && z85_decode(given, key) == STATUS_OK) {
        return STATUS_OK;
    }
    int descriptor = open(text_or_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        return describe_errno(problem, "read", text_or_path);
    }
    enum status status = read_whole(descriptor, text_or_path, text, &size, problem);
    close(descriptor);
    if (status == STATUS_OK && !find_key((struct bytes){text, size}, PUBLIC_WORD, key)) {
        describe(problem, "\"%.300s\" is neither a public key nor a file that holds one",
                 text_or_path);
        status = STATUS_MALFORMED;
    }
    sodium_memzero(text, sizeof text); /* It may have been the secret file. */
    return status;
}

/* --- Writing --------------------------------------------------------------------------- */

static bool write_whole(int descriptor, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(descriptor, text, size);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        text += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

static enum status write_file(const char *path, mode_t mode, const char *text,
                              char problem[IDENTITY_PROBLEM_SIZE])
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);

    if (descriptor < 0) {
        return describe_errno(problem, "make", path);
    }
    bool is_written = fchmod(descriptor, mode) == 0 &&
                      write_whole(descriptor, text, strlen(text)) && fsync(descriptor) == 0;
    enum status status = is_written ? STATUS_OK : describe_errno(problem, "write", path);
    close(descriptor);
    if (!is_written) {
        unlink(path);
    }
    return status;
}

/* A new file is there after a power cut only when its folder was written too. */
static enum status write_folder(const char *path, char problem[IDENTITY_PROBLEM_SIZE])
{
    char folder[PATH_SIZE_MAX];
    const char *slash = strrchr(path, '/');
    int size = slash == NULL
                   ? snprintf(folder, sizeof folder, ".")
                   : snprintf(folder, sizeof folder, "%.*s", (int)(slash - path) + 1, path);

    ENSURE(size > 0 && (size_t)size < sizeof folder);
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_written = descriptor >= 0 && fsync(descriptor) == 0;
    enum status status = is_written ? STATUS_OK : describe_errno(problem, "write", folder);
    if (descriptor >= 0) {
        close(descriptor);
    }
    return status;
}

static enum status write_secret(const struct identity *identity, const char *path,
                                char problem[IDENTITY_PROBLEM_SIZE])
{
    char *text = sodium_malloc(FILE_SIZE_MAX);

    if (text == NULL) {
        describe(problem, "no memory to write %.300s", path);
        return STATUS_NO_MEMORY;
    }
    size_t size = 0;
    memcpy(text, COMMENT, sizeof COMMENT - 1);
    size += sizeof COMMENT - 1;
    memcpy(text + size, PUBLIC_WORD, sizeof PUBLIC_WORD - 1);
    size += sizeof PUBLIC_WORD - 1;
    identity_text(identity->public_key, text + size);
    size += TEXT_SIZE;
    text[size++] = '\n';
    memcpy(text + size, SECRET_WORD, sizeof SECRET_WORD - 1);
    size += sizeof SECRET_WORD - 1;
    identity_text(identity->secret, text + size);
    size += TEXT_SIZE;
    text[size++] = '\n';
    text[size] = '\0';
    enum status status = write_file(path, S_IRUSR | S_IWUSR, text, problem);
    sodium_free(text);
    return status;
}

enum status identity_write(const struct identity *identity, const char *path,
                           char problem[IDENTITY_PROBLEM_SIZE])
{
    char public_path[PATH_SIZE_MAX];
    char key[IDENTITY_TEXT_SIZE];
    char text[sizeof PUBLIC_WORD + IDENTITY_TEXT_SIZE + 1];
    int size = snprintf(public_path, sizeof public_path, "%s.pub", path);

    if (size < 0 || (size_t)size >= sizeof public_path) {
        describe(problem, "the path of the key is too long");
        return STATUS_IO;
    }
    identity_text(identity->public_key, key);
    (void)snprintf(text, sizeof text, "%s%s\n", PUBLIC_WORD, key);
    enum status status = write_file(public_path, 0644, text, problem);
    if (status != STATUS_OK) {
        return status;
    }
    status = write_secret(identity, path, problem);
    if (status != STATUS_OK) {
        unlink(public_path);
        return status;
    }
    status = write_folder(path, problem);
    if (status != STATUS_OK) {
        unlink(public_path);
        unlink(path);
    }
    return status;
}
