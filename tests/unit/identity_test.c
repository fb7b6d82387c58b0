/*
 * identity_test.c - key pairs and their files.
 */
#include "identity/identity.h"

#include "tests/harness.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/identity-XXXXXX";
static char problem[IDENTITY_PROBLEM_SIZE];

static const char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void start(void)
{
    memcpy(folder, "/tmp/identity-XXXXXX", sizeof folder);
    EXPECT_TRUE(mkdtemp(folder) != NULL);
}

static void clear(const char *name)
{
    EXPECT_EQ(unlink(path_of(name)), 0);
}

static void end(void)
{
    EXPECT_EQ(rmdir(folder), 0);
}

static void write_text(const char *name, mode_t mode, const char *text)
{
    int descriptor = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, mode);

    EXPECT_TRUE(descriptor >= 0);
    EXPECT_EQ(write(descriptor, text, strlen(text)), strlen(text));
    EXPECT_EQ(close(descriptor), 0);
}

static struct identity *made(const char *name)
{
    struct identity *identity = NULL;

    EXPECT_OK(identity_make(&identity));
    EXPECT_OK(identity_write(identity, path_of(name), problem));
    return identity;
}

static mode_t mode_of(const char *name)
{
    struct stat file;

    EXPECT_EQ(stat(path_of(name), &file), 0);
    return file.st_mode & 07777;
}

static void a_written_pair_is_read_back(void)
{
    start();
    struct identity *written = made("a.key");
    struct identity *read = NULL;
    uint8_t public_key[IDENTITY_KEY_SIZE];

    EXPECT_EQ(mode_of("a.key"), 0600);
    EXPECT_EQ(mode_of("a.key.pub"), 0644);
    EXPECT_OK(identity_read(path_of("a.key"), &read, problem));
    EXPECT_EQ(memcmp(identity_secret(read), identity_secret(written), IDENTITY_KEY_SIZE), 0);
    EXPECT_EQ(memcmp(identity_public(read), identity_public(written), IDENTITY_KEY_SIZE), 0);
    EXPECT_OK(identity_read_public(path_of("a.key.pub"), public_key, problem));
    EXPECT_EQ(memcmp(public_key, identity_public(written), IDENTITY_KEY_SIZE), 0);
    identity_close(read);
    identity_close(written);
    clear("a.key");
    clear("a.key.pub");
    end();
}

static void two_pairs_differ(void)
{
    struct identity *left = NULL;
    struct identity *right = NULL;

    EXPECT_OK(identity_make(&left));
    EXPECT_OK(identity_make(&right));
    EXPECT_TRUE(memcmp(identity_secret(left), identity_secret(right), IDENTITY_KEY_SIZE) != 0);
    EXPECT_TRUE(memcmp(identity_public(left), identity_public(right), IDENTITY_KEY_SIZE) != 0);
    identity_close(left);
    identity_close(right);
}

static void a_file_that_is_there_is_not_overwritten(void)
{
    start();
    struct identity *first = made("a.key");
    struct identity *second = NULL;
    struct identity *read = NULL;

    EXPECT_OK(identity_make(&second));
    EXPECT_STATUS(identity_write(second, path_of("a.key"), problem), STATUS_EXISTS);
    EXPECT_EQ(unlink(path_of("a.key.pub")), 0);
    EXPECT_STATUS(identity_write(second, path_of("a.key"), problem), STATUS_EXISTS);
    EXPECT_TRUE(strstr(problem, "a.key") != NULL);
    EXPECT_EQ(access(path_of("a.key.pub"), F_OK), (uint64_t)-1);
    EXPECT_OK(identity_read(path_of("a.key"), &read, problem));
    EXPECT_EQ(memcmp(identity_secret(read), identity_secret(first), IDENTITY_KEY_SIZE), 0);
    identity_close(first);
    identity_close(second);
    identity_close(read);
    clear("a.key");
    end();
}

static void a_secret_that_others_may_read_is_refused(void)
{
    static const mode_t modes[] = {0640, 0604, 0660, 0601, 0610};
    struct identity *read = NULL;

    start();
    struct identity *identity = made("a.key");
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        EXPECT_EQ(chmod(path_of("a.key"), modes[i]), 0);
        EXPECT_STATUS(identity_read(path_of("a.key"), &read, problem), STATUS_INVALID);
        EXPECT_TRUE(strstr(problem, "chmod 600") != NULL);
    }
    EXPECT_EQ(chmod(path_of("a.key"), 0400), 0);
    EXPECT_OK(identity_read(path_of("a.key"), &read, problem));
    identity_close(read);
    identity_close(identity);
    clear("a.key");
    clear("a.key.pub");
    end();
}

static void what_holds_no_pair_is_refused(void)
{
    static const char *const texts[] = {
        "",
        "public\n",
        "secret rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\n",
        /* A public key that is another one's. */
        "public rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\n"
        "secret rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\n",
        "public rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf \n"
        "secret rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf\n",
    };
    struct identity *read = NULL;

    start();
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        write_text("bad.key", 0600, texts[i]);
        EXPECT_STATUS(identity_read(path_of("bad.key"), &read, problem), STATUS_MALFORMED);
        EXPECT_TRUE(strstr(problem, "bad.key") != NULL);
    }
    clear("bad.key");
    EXPECT_STATUS(identity_read(path_of("bad.key"), &read, problem), STATUS_NOT_FOUND);
    EXPECT_STATUS(identity_read(folder, &read, problem), STATUS_INVALID);
    end();
}

static void a_public_key_is_given_as_text_or_as_a_file(void)
{
    static const char text[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
    uint8_t key[IDENTITY_KEY_SIZE];
    char back[IDENTITY_TEXT_SIZE];

    start();
    EXPECT_OK(identity_read_public(text, key, problem));
    identity_text(key, back);
    EXPECT_TEXT(bytes_from_text(back), text);
    EXPECT_STATUS(identity_read_public(path_of("none.pub"), key, problem), STATUS_NOT_FOUND);
    write_text("bad.pub", 0644, "public nonsense\n");
    EXPECT_STATUS(identity_read_public(path_of("bad.pub"), key, problem), STATUS_MALFORMED);
    clear("bad.pub");
    end();
}

static const struct test_case cases[] = {
    CASE(a_written_pair_is_read_back),
    CASE(two_pairs_differ),
    CASE(a_file_that_is_there_is_not_overwritten),
    CASE(a_secret_that_others_may_read_is_refused),
    CASE(what_holds_no_pair_is_refused),
    CASE(a_public_key_is_given_as_text_or_as_a_file),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
