/*
 * command_fixture.h - commands as tests give them: everything but what matters left out.
 */
#ifndef TESTS_UNIT_COMMAND_FIXTURE_H
#define TESTS_UNIT_COMMAND_FIXTURE_H

#include "proto/messages.h"
#include "tests/harness.h"

/* The encoded record, in `arena`. */
static inline struct bytes encoded(struct arena *arena, const struct message *message,
                                   const void *record)
{
    struct buffer buffer = {0};

    proto_encode(message, record, &buffer);
    struct bytes copy = arena_copy(arena, buffer_view(&buffer));
    buffer_deinit(&buffer);
    return copy;
}

static inline union command make_party(const char *party)
{
    union command command;

    proto_clear(&PARTY_PUT, &command);
    command.party_put.party = bytes_from_text(party);
    command.party_put.roles = ROLE_REQUESTER | ROLE_OFFERER;
    return command;
}

static inline union command make_product(const char *product, uint64_t lot)
{
    union command command;

    proto_clear(&PRODUCT_PUT, &command);
    command.product_put.product = bytes_from_text(product);
    command.product_put.lot = lot;
    return command;
}

static inline union command make_need(const char *need, const char *party, const char *product,
                                      uint64_t quantity)
{
    union command command;

    proto_clear(&NEED_PUT, &command);
    command.need_put.need = bytes_from_text(need);
    command.need_put.party = bytes_from_text(party);
    command.need_put.product = bytes_from_text(product);
    command.need_put.quantity = quantity;
    command.need_put.class_number = 1;
    return command;
}

static inline union command make_stock(const char *offer, const char *party, const char *product,
                                       uint64_t quantity)
{
    union command command;

    proto_clear(&OFFER_PUT, &command);
    command.offer_put.offer = bytes_from_text(offer);
    command.offer_put.party = bytes_from_text(party);
    command.offer_put.product = bytes_from_text(product);
    command.offer_put.offer_kind = OFFER_STOCK;
    command.offer_put.quantity = quantity;
    return command;
}

static inline union command make_capacity(const char *offer, uint64_t units)
{
    union command command;

    proto_clear(&CAPACITY_PUT, &command);
    command.capacity_put.offer = bytes_from_text(offer);
    command.capacity_put.per_day = units;
    return command;
}

static inline union command make_id_command(const char *id)
{
    return (union command){.id_command = {.id = bytes_from_text(id)}};
}

#endif
