#include "node/keyring.h"

uint32_t keyring_actor(const struct intake *intake)
{
    bool is_gateway = intake->key == 0 && bytes_equal(intake->by, bytes_from_text(BY_GATEWAY));

    return is_gateway ? KEY_GATEWAY : (uint32_t)intake->key;
}

enum status keyring_fold(struct registry *registry, const struct entry *entry, struct arena *arena,
                         uint32_t *number)
{
    struct refusal refusal;
    struct intake intake;
    union command command;

    if (!kind_is_of_key(entry->kind)) {
        return STATUS_NOT_FOUND;
    }
    if (proto_decode(&INTAKE, entry->body, arena, &intake, &refusal) != STATUS_OK ||
        proto_decode(message_by_kind(entry->kind), intake.body, arena, &command, &refusal) !=
            STATUS_OK) {
        return STATUS_CORRUPT;
    }
    uint32_t actor = keyring_actor(&intake);
    bool is_known = actor == KEY_GATEWAY || actor <= registry_count(registry);
    return is_known && registry_apply(registry, entry->kind, &command, actor, number) == KEY_DONE
               ? STATUS_OK
               : STATUS_CORRUPT;
}
