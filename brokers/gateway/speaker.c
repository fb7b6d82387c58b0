#include "brokers/gateway/speaker.h"

#include "core/access/rights.h"

#include <stdio.h>

static void refuse(struct refusal *refusal, const char *why)
{
    refusal->code = CODE_DENIED;
    refusal->field[0] = '\0';
    snprintf(refusal->why, sizeof refusal->why, "%s", why);
}

void speaker_deny(struct refusal *refusal)
{
    refuse(refusal, "this key has no right to do that, if there is such a thing at all");
}

bool speaker_find(const struct registry *registry, struct bytes user, uint64_t now_ms,
                  struct speaker *speaker, struct refusal *refusal)
{
    if (user.size == 0) {
        *speaker = (struct speaker){.key = KEY_LOCAL, .by = bytes_from_text(BY_LOCAL)};
        return true;
    }
    uint32_t key = registry_find(registry, user);
    if (key == 0 || !registry_is_live(registry, key, now_ms)) {
        refuse(refusal, "this key is not registered, not valid now, or revoked");
        return false;
    }
    *speaker = (struct speaker){.key = key, .by = registry_party(registry, key)};
    return true;
}

static bool owns_need(const struct market *market, struct bytes id, struct bytes party)
{
    uint32_t need = market_find_need(market, id);

    return need != NAME_NONE &&
           bytes_equal(names_text(&market->party_ids, market->needs[need].party), party);
}

static bool owns_offer(const struct market *market, struct bytes id, struct bytes party)
{
    uint32_t offer = market_find_offer(market, id);

    return offer != NAME_NONE &&
           bytes_equal(names_text(&market->party_ids, market->offers[offer].party), party);
}

/* A new one under a name that is free, or a change of one's own. */
static bool may_name(bool is_owned, bool is_known, struct bytes named, struct bytes party)
{
    return bytes_equal(named, party) && (is_owned || !is_known);
}

/* Whether what a command is about is the party's own. The one place that knows. */
static bool is_own(const struct market *market, uint16_t kind, const union command *command,
                   struct bytes party)
{
    switch (kind) {
    case KIND_PARTY_PUT:
        return bytes_equal(command->party_put.party, party);
    case KIND_NEED_PUT:
        return may_name(owns_need(market, command->need_put.need, party),
                        market_find_need(market, command->need_put.need) != NAME_NONE,
                        command->need_put.party, party);
    case KIND_NEED_CANCEL:
    case KIND_NEED_RELEASE:
        return owns_need(market, command->id_command.id, party);
    case KIND_OFFER_PUT:
        return may_name(owns_offer(market, command->offer_put.offer, party),
                        market_find_offer(market, command->offer_put.offer) != NAME_NONE,
                        command->offer_put.party, party);
    case KIND_OFFER_WITHDRAW:
    case KIND_OFFER_RELEASE:
        return owns_offer(market, command->id_command.id, party);
    case KIND_CAPACITY_PUT:
        return owns_offer(market, command->capacity_put.offer, party);
    case KIND_ASSIGNMENT_ACCEPT:
    case KIND_ASSIGNMENT_DECLINE:
    case KIND_ASSIGNMENT_SHIP:
    case KIND_ASSIGNMENT_RECEIVE:
    case KIND_ASSIGNMENT_CANCEL:
        return bytes_equal(command->assignment.party, party);
    case KIND_KEY_ROTATE:
    case KIND_KEY_REVOKE:
        return true; /* The registry knows whose key it is. */
    default:
        return false; /* What belongs to nobody. */
    }
}

bool speaker_may(const struct speaker *speaker, const struct registry *registry,
                 const struct market *market, uint16_t kind, const union command *command,
                 struct refusal *refusal)
{
    if (speaker->key == KEY_LOCAL || speaker->key == KEY_GATEWAY) {
        return true;
    }
    if (rights_allow_command(registry_key(registry, speaker->key)->roles, kind,
                             is_own(market, kind, command, speaker->by))) {
        return true;
    }
    speaker_deny(refusal);
    return false;
}
