/*
 * registry_test.c - whose key is whose: single moves, and laws over seeded sequences.
 */
#include "core/access/registry.h"

#include "tests/harness.h"

#define SEED_COUNT 300
#define STEP_COUNT 120
#define KEY_COUNT 40
#define NOW 1000000

static char texts[KEY_COUNT][KEY_TEXT_SIZE + 1];

static struct bytes text_of(uint32_t name)
{
    snprintf(texts[name], sizeof texts[name], "%0*u", KEY_TEXT_SIZE, name);
    return bytes_from_text(texts[name]);
}

static enum key_outcome put(struct registry *registry, uint32_t actor, uint32_t name,
                            uint64_t roles, uint64_t to, uint32_t *number)
{
    union command command = {.key_register = {.key = text_of(name),
                                              .party = bytes_from_text("h"),
                                              .roles = roles,
                                              .from = TIME_NONE,
                                              .to = to}};
    return registry_apply(registry, KIND_KEY_REGISTER, &command, actor, number);
}

static enum key_outcome confirm(struct registry *registry, uint32_t actor, uint32_t name)
{
    union command command = {.key_confirm = {.key = text_of(name)}};
    uint32_t number;
    return registry_apply(registry, KIND_KEY_CONFIRM, &command, actor, &number);
}

static enum key_outcome rotate(struct registry *registry, uint32_t actor, uint32_t name,
                               uint32_t next, uint64_t until, uint32_t *number)
{
    union command command = {
        .key_rotate = {.key = text_of(name), .next = text_of(next), .until = until}};
    return registry_apply(registry, KIND_KEY_ROTATE, &command, actor, number);
}

static enum key_outcome revoke(struct registry *registry, uint32_t actor, uint32_t name)
{
    union command command = {.key_revoke = {.key = text_of(name)}};
    uint32_t number;
    return registry_apply(registry, KIND_KEY_REVOKE, &command, actor, &number);
}

/* The first admin, by the gateway; its number. */
static uint32_t first_admin(struct registry *registry, uint32_t name)
{
    uint32_t number = 0;

    EXPECT_EQ(put(registry, KEY_GATEWAY, name, ROLE_ADMIN, TIME_NONE, &number), KEY_DONE);
    EXPECT_EQ(confirm(registry, KEY_GATEWAY, name), KEY_DONE);
    return number;
}

static void a_registered_key_is_good_for_its_time(void)
{
    struct registry registry = {0};
    uint32_t number = 0;
    union command command = {.key_register = {.key = text_of(1),
                                              .party = bytes_from_text("h"),
                                              .roles = ROLE_REQUESTER,
                                              .from = NOW,
                                              .to = NOW + 10}};

    EXPECT_EQ(registry_find(&registry, text_of(1)), 0);
    EXPECT_EQ(registry_apply(&registry, KIND_KEY_REGISTER, &command, KEY_LOCAL, &number), KEY_DONE);
    EXPECT_EQ(number, 1);
    EXPECT_EQ(registry_find(&registry, text_of(1)), 1);
    EXPECT_TEXT(registry_party(&registry, 1), "h");
    EXPECT_TRUE(!registry_is_live(&registry, 1, NOW - 1));
    EXPECT_TRUE(registry_is_live(&registry, 1, NOW));
    EXPECT_TRUE(registry_is_live(&registry, 1, NOW + 9));
    EXPECT_TRUE(!registry_is_live(&registry, 1, NOW + 10));
    registry_deinit(&registry);
}

static void a_high_role_waits_for_another_one(void)
{
    static const uint64_t roles[] = {ROLE_ADMIN, ROLE_OPERATOR, ROLE_OPERATOR | ROLE_REQUESTER};
    struct registry registry = {0};
    uint32_t admin = first_admin(&registry, 0);
    uint32_t number = 0;

    for (uint32_t i = 0; i < COUNT_OF(roles); i++) {
        EXPECT_EQ(put(&registry, admin, i + 1, roles[i], TIME_NONE, &number), KEY_DONE);
        EXPECT_TRUE(!registry_is_live(&registry, number, NOW));
        EXPECT_EQ(confirm(&registry, admin, i + 1), KEY_DENIED);
        EXPECT_EQ(confirm(&registry, number, i + 1), KEY_DENIED);
        EXPECT_EQ(confirm(&registry, KEY_LOCAL, i + 1), KEY_DONE);
        EXPECT_TRUE(registry_is_live(&registry, number, NOW));
        EXPECT_EQ(confirm(&registry, KEY_LOCAL, i + 1), KEY_STATE);
    }
    registry_deinit(&registry);
}

static void who_was_rotated_is_the_same_one(void)
{
    struct registry registry = {0};
    uint32_t admin = first_admin(&registry, 0);
    uint32_t other = 0, number = 0;

    EXPECT_EQ(rotate(&registry, admin, 0, 1, NOW, &other), KEY_DONE);
    EXPECT_EQ(put(&registry, admin, 2, ROLE_ADMIN, TIME_NONE, &number), KEY_DONE);
    EXPECT_EQ(confirm(&registry, other, 2), KEY_DENIED);
    registry_deinit(&registry);
}

static void both_keys_are_good_until_the_old_one_ends(void)
{
    struct registry registry = {0};
    uint32_t number = 0, next = 0;

    EXPECT_EQ(put(&registry, KEY_LOCAL, 1, ROLE_OFFERER, NOW + 100, &number), KEY_DONE);
    EXPECT_EQ(rotate(&registry, number, 1, 2, NOW + 10, &next), KEY_DONE);
    EXPECT_TRUE(registry_is_live(&registry, number, NOW + 9));
    EXPECT_TRUE(!registry_is_live(&registry, number, NOW + 10));
    EXPECT_TRUE(registry_is_live(&registry, next, NOW));
    EXPECT_TRUE(!registry_is_live(&registry, next, NOW + 100)); /* No longer than the first. */
    EXPECT_EQ(rotate(&registry, number, 1, 3, NOW + 10, &next), KEY_STATE);
    EXPECT_EQ(rotate(&registry, next, 2, 1, NOW + 10, &next), KEY_CONFLICT);
    registry_deinit(&registry);
}

static void only_its_holder_rotates_a_high_key(void)
{
    struct registry registry = {0};
    uint32_t admin = first_admin(&registry, 0);
    uint32_t number = 0, next = 0;

    EXPECT_EQ(put(&registry, admin, 1, ROLE_OPERATOR, TIME_NONE, &number), KEY_DONE);
    EXPECT_EQ(confirm(&registry, KEY_LOCAL, 1), KEY_DONE);
    EXPECT_EQ(rotate(&registry, admin, 1, 2, NOW, &next), KEY_DENIED);
    EXPECT_EQ(rotate(&registry, KEY_LOCAL, 1, 2, NOW, &next), KEY_DENIED);
    EXPECT_EQ(rotate(&registry, number, 1, 2, NOW, &next), KEY_DONE);
    EXPECT_EQ(put(&registry, admin, 3, ROLE_OFFERER, TIME_NONE, &number), KEY_DONE);
    EXPECT_EQ(rotate(&registry, next, 3, 4, NOW, &next), KEY_DENIED);
    EXPECT_EQ(rotate(&registry, admin, 3, 4, NOW, &next), KEY_DONE);
    registry_deinit(&registry);
}

static void a_revoked_key_takes_with_it_what_it_was_rotated_to(void)
{
    struct registry registry = {0};
    uint32_t number = 0, second = 0, third = 0;

    EXPECT_EQ(put(&registry, KEY_LOCAL, 1, ROLE_OFFERER, TIME_NONE, &number), KEY_DONE);
    EXPECT_EQ(rotate(&registry, number, 1, 2, TIME_NONE, &second), KEY_DONE);
    EXPECT_EQ(rotate(&registry, second, 2, 3, TIME_NONE, &third), KEY_DONE);
    EXPECT_EQ(revoke(&registry, third, 2), KEY_DONE);
    EXPECT_TRUE(registry_is_live(&registry, number, NOW));
    EXPECT_TRUE(!registry_is_live(&registry, second, NOW));
    EXPECT_TRUE(!registry_is_live(&registry, third, NOW));
    EXPECT_EQ(revoke(&registry, KEY_LOCAL, 2), KEY_STATE);
    EXPECT_EQ(put(&registry, KEY_LOCAL, 3, ROLE_OFFERER, TIME_NONE, &number), KEY_CONFLICT);
    registry_deinit(&registry);
}

static void who_is_no_admin_learns_nothing_about_keys(void)
{
    struct registry registry = {0};
    uint32_t number = 0, next = 0, other = 0;

    EXPECT_EQ(put(&registry, KEY_LOCAL, 1, ROLE_OFFERER, TIME_NONE, &number), KEY_DONE);
    EXPECT_EQ(put(&registry, KEY_LOCAL, 2, ROLE_OFFERER, TIME_NONE, &other), KEY_DONE);
    EXPECT_EQ(put(&registry, number, 3, ROLE_OFFERER, TIME_NONE, &next), KEY_DENIED);
    EXPECT_EQ(put(&registry, number, 2, ROLE_OFFERER, TIME_NONE, &next), KEY_DENIED);
    for (uint32_t name = 2; name <= 3; name++) { /* Known, and not. */
        EXPECT_EQ(confirm(&registry, number, name), KEY_DENIED);
        EXPECT_EQ(revoke(&registry, number, name), KEY_DENIED);
        EXPECT_EQ(rotate(&registry, number, name, 4, NOW, &next), KEY_DENIED);
    }
    EXPECT_EQ(revoke(&registry, number, 1), KEY_DONE);
    EXPECT_EQ(confirm(&registry, KEY_LOCAL, 9), KEY_UNKNOWN);
    registry_deinit(&registry);
}

static void one_key_too_many_is_refused(void)
{
    struct registry registry = {0};
    char text[KEY_TEXT_SIZE + 1];
    uint32_t number = 0;
    union command command = {
        .key_register = {.party = bytes_from_text("h"), .roles = ROLE_OFFERER, .to = TIME_NONE}};

    for (uint32_t i = 0; i < REGISTRY_KEY_COUNT_MAX; i++) {
        snprintf(text, sizeof text, "%0*u", KEY_TEXT_SIZE, i);
        command.key_register.key = bytes_from_text(text);
        EXPECT_EQ(registry_apply(&registry, KIND_KEY_REGISTER, &command, KEY_LOCAL, &number),
                  KEY_DONE);
    }
    command.key_register.key = bytes_from_text("one more");
    EXPECT_EQ(registry_apply(&registry, KIND_KEY_REGISTER, &command, KEY_LOCAL, &number), KEY_FULL);
    EXPECT_EQ(registry_count(&registry), REGISTRY_KEY_COUNT_MAX);
    registry_deinit(&registry);
}

static void rows_that_make_no_sense_are_refused(void)
{
    struct registry registry = {0}, restored = {0};
    struct buffer row = {0};

    first_admin(&registry, 0);
    registry_save(&registry, 1, &row);
    EXPECT_STATUS(registry_restore(&restored, 2, buffer_view(&row)), STATUS_CORRUPT);
    EXPECT_STATUS(registry_restore(&restored, 1, (struct bytes){row.data, 77}), STATUS_CORRUPT);
    row.data[0] = 0;
    EXPECT_STATUS(registry_restore(&restored, 1, buffer_view(&row)), STATUS_CORRUPT);
    row.data[0] = KEY_REVOKED + 1;
    EXPECT_STATUS(registry_restore(&restored, 1, buffer_view(&row)), STATUS_CORRUPT);
    row.data[0] = KEY_ACTIVE;
    EXPECT_OK(registry_restore(&restored, 1, buffer_view(&row)));
    EXPECT_STATUS(registry_restore(&restored, 2, buffer_view(&row)), STATUS_CORRUPT);
    buffer_deinit(&row);
    registry_deinit(&registry);
    registry_deinit(&restored);
}

/* --- Laws ------------------------------------------------------------------------------ */

/* Who agreed to a holder: those who registered or confirmed it. */
struct consent {
    uint32_t holders[STEP_COUNT];
    size_t count;
};

struct step {
    uint16_t kind;
    uint32_t actor, name, next;
    union command command;
};

static void draw_step(uint64_t *random, const struct registry *registry, struct step *step)
{
    static const uint64_t roles[] = {ROLE_ADMIN, ROLE_OPERATOR, ROLE_OFFERER,
                                     ROLE_REQUESTER | ROLE_ADMIN};
    uint32_t count = registry_count(registry);

    *step = (struct step){
        .kind = (uint16_t)(KIND_KEY_REGISTER + random_below(random, 4)),
        .actor =
            random_below(random, 5) == 0 ? KEY_LOCAL : (uint32_t)random_below(random, count) + 1,
        .name = (uint32_t)random_below(random, KEY_COUNT),
        .next = (uint32_t)random_below(random, KEY_COUNT),
    };
    union command *command = &step->command;
    switch (step->kind) {
    case KIND_KEY_REGISTER:
        command->key_register = (struct key_register){
            .key = text_of(step->name),
            .party = bytes_from_text(random_below(random, 2) == 0 ? "h" : "f"),
            .roles = roles[random_below(random, COUNT_OF(roles))],
            .from = random_below(random, 2) == 0 ? TIME_NONE : NOW,
            .to = random_below(random, 2) == 0 ? TIME_NONE : NOW + random_below(random, 100) + 1,
        };
        break;
    case KIND_KEY_ROTATE:
        command->key_rotate = (struct key_rotate){.key = text_of(step->name),
                                                  .next = text_of(step->next),
                                                  .until = NOW + random_below(random, 100)};
        break;
    case KIND_KEY_REVOKE:
        if (random_below(random, 3) != 0) { /* Rarely: the others need keys to act on. */
            step->kind = KIND_KEY_CONFIRM;
        }
        command->key_revoke = (struct key_revoke){.key = text_of(step->name)};
        break;
    default:
        command->key_confirm = (struct key_confirm){.key = text_of(step->name)};
        break;
    }
}

static void save_all(const struct registry *registry, struct buffer *rows)
{
    rows->size = 0;
    for (uint32_t number = 1; number <= registry_count(registry); number++) {
        registry_save(registry, number, rows);
    }
}

static bool is_same(const struct buffer *left, const struct buffer *right)
{
    return bytes_equal(buffer_view(left), buffer_view(right));
}

static bool may(const struct registry *registry, uint32_t actor, uint64_t role)
{
    return actor == KEY_LOCAL || (registry_key(registry, actor)->state == KEY_ACTIVE &&
                                  (registry_key(registry, actor)->roles & role) != 0);
}

static void note_consent(struct consent *consents, const struct registry *registry,
                         const struct step *step, uint32_t number)
{
    struct consent *consent = &consents[registry_holder(registry, number)];

    if (step->kind == KIND_KEY_REGISTER || step->kind == KIND_KEY_CONFIRM) {
        consent->holders[consent->count++] = registry_holder(registry, step->actor);
    }
}

static void check_two_persons(const struct consent *consents, const struct registry *registry)
{
    for (uint32_t number = 2; number <= registry_count(registry); number++) {
        const struct registered_key *key = registry_key(registry, number);
        const struct consent *consent = &consents[key->holder];
        if (key->state == KEY_ACTIVE && (key->roles & ROLES_HIGH) != 0 && key->holder != 1) {
            EXPECT_TRUE(consent->count >= 2);
            EXPECT_TRUE(consent->holders[0] != consent->holders[1]);
        }
    }
}

/* What a rotation gives is at most what was there. */
static void check_next(const struct registry *registry, const struct registered_key *old,
                       uint32_t number, uint32_t next)
{
    const struct registered_key *key = registry_key(registry, next);

    EXPECT_EQ(key->roles, old->roles);
    EXPECT_EQ(key->party, old->party);
    EXPECT_EQ(key->to, old->to);
    EXPECT_EQ(key->holder, old->holder);
    EXPECT_TRUE(registry_key(registry, number)->to <= old->to);
}

static void check_restored(const struct registry *registry, const struct buffer *rows)
{
    struct registry restored = {0};
    struct buffer row = {0}, again = {0};

    for (uint32_t number = 1; number <= registry_count(registry); number++) {
        row.size = 0;
        registry_save(registry, number, &row);
        EXPECT_OK(registry_restore(&restored, number, buffer_view(&row)));
    }
    save_all(&restored, &again);
    EXPECT_TRUE(is_same(rows, &again));
    buffer_deinit(&row);
    buffer_deinit(&again);
    registry_deinit(&restored);
}

static void run_sequence(uint64_t seed)
{
    struct registry registry = {0}, twin = {0};
    struct consent consents[STEP_COUNT + 2] = {{.count = 0}};
    struct buffer before = {0}, after = {0};
    uint64_t random = seed;
    struct step step;

    first_admin(&registry, 0);
    first_admin(&twin, 0);
    for (int i = 0; i < STEP_COUNT; i++) {
        draw_step(&random, &registry, &step);
        uint32_t about = registry_find(&registry, text_of(step.name));
        struct registered_key old =
            about == 0 ? (struct registered_key){0} : *registry_key(&registry, about);
        bool is_admin = may(&registry, step.actor, ROLE_ADMIN);
        bool is_self = about != 0 && step.actor != KEY_LOCAL &&
                       registry_holder(&registry, step.actor) == old.holder;
        uint32_t number = 0, twin_number = 0;
        save_all(&registry, &before);
        enum key_outcome outcome =
            registry_apply(&registry, step.kind, &step.command, step.actor, &number);
        EXPECT_EQ(registry_apply(&twin, step.kind, &step.command, step.actor, &twin_number),
                  outcome);
        EXPECT_EQ(twin_number, number);
        save_all(&registry, &after);
        if (outcome != KEY_DONE) {
            EXPECT_TRUE(is_same(&before, &after));
            continue;
        }
        EXPECT_TRUE(is_admin || is_self);
        EXPECT_TRUE(old.state != KEY_REVOKED);
        note_consent(consents, &registry, &step, number);
        if (step.kind == KIND_KEY_ROTATE) {
            check_next(&registry, &old, about, number);
        }
        check_two_persons(consents, &registry);
    }
    save_all(&registry, &before);
    save_all(&twin, &after);
    EXPECT_TRUE(is_same(&before, &after));
    check_restored(&registry, &before);
    buffer_deinit(&before);
    buffer_deinit(&after);
    registry_deinit(&registry);
    registry_deinit(&twin);
}

static void laws_hold_over_seeded_sequences(void)
{
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        test_seed = seed;
        run_sequence(seed);
    }
    test_seed = 0;
}

static const struct test_case cases[] = {
    CASE(a_registered_key_is_good_for_its_time),
    CASE(a_high_role_waits_for_another_one),
    CASE(who_was_rotated_is_the_same_one),
    CASE(both_keys_are_good_until_the_old_one_ends),
    CASE(only_its_holder_rotates_a_high_key),
    CASE(a_revoked_key_takes_with_it_what_it_was_rotated_to),
    CASE(who_is_no_admin_learns_nothing_about_keys),
    CASE(one_key_too_many_is_refused),
    CASE(rows_that_make_no_sense_are_refused),
    CASE(laws_hold_over_seeded_sequences),
};

int main(int argc, char **argv)
{
    return run_cases(cases, COUNT_OF(cases), argc, argv);
}
