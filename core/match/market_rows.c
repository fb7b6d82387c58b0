#include "core/match/market_rows.h"

#include <stdlib.h>

void dirty_note(struct dirty_list *list, uint32_t number)
{
    GROW(list->flags, list->flag_capacity, (size_t)number + 1);
    if (list->flags[number] == 0) {
        list->flags[number] = 1;
        GROW(list->items, list->capacity, list->count + 1);
        list->items[list->count++] = number;
    }
}

void dirty_clear(struct dirty_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        list->flags[list->items[i]] = 0;
    }
    list->count = 0;
}

void dirty_deinit(struct dirty_list *list)
{
    free(list->items);
    free(list->flags);
    *list = (struct dirty_list){0};
}

/* What a command's number counts; 0 when it has none. */
static enum market_thing thing_of(uint16_t kind)
{
    switch (kind) {
    case KIND_PARTY_PUT:
        return MARKET_PARTY;
    case KIND_PRODUCT_PUT:
        return MARKET_PRODUCT;
    case KIND_NEED_PUT:
    case KIND_NEED_CANCEL:
    case KIND_NEED_RELEASE:
        return MARKET_NEED;
    case KIND_OFFER_PUT:
    case KIND_OFFER_WITHDRAW:
    case KIND_OFFER_RELEASE:
    case KIND_CAPACITY_PUT:
        return MARKET_OFFER;
    case KIND_SUBSTITUTE_PUT:
    case KIND_NORM_PUT:
    case KIND_CERTIFICATE_PUT:
    case KIND_EXCLUSION_PUT:
        return MARKET_RULE;
    case KIND_TICK:
        return MARKET_CLOCK;
    default:
        return (enum market_thing)0;
    }
}

void market_rows_note(struct market_rows *rows, uint16_t kind, const struct market_change *change)
{
    enum market_thing thing = thing_of(kind);

    if (thing == MARKET_CLOCK) {
        dirty_note(&rows->lists[MARKET_CLOCK], 0);
    } else if (thing != 0 && change->number != NAME_NONE) {
        dirty_note(&rows->lists[thing], change->number);
    }
    for (size_t i = 0; i < change->expired_need_count; i++) {
        dirty_note(&rows->lists[MARKET_NEED], change->expired_needs[i]);
    }
    for (size_t i = 0; i < change->expired_offer_count; i++) {
        dirty_note(&rows->lists[MARKET_OFFER], change->expired_offers[i]);
    }
}

void market_rows_save(struct market_rows *rows, const struct market *market, uint8_t table_base,
                      market_put_row put, void *context)
{
    struct buffer row = {0};
    uint8_t key[4];

    for (int thing = MARKET_PARTY; thing <= MARKET_RULE; thing++) {
        struct dirty_list *list = &rows->lists[thing];
        for (size_t i = 0; i < list->count; i++) {
            row.size = 0;
            market_save(market, (enum market_thing)thing, list->items[i], &row);
            store_u32_be(key, list->items[i]);
            put(context, (uint8_t)(table_base + thing), (struct bytes){key, sizeof key},
                buffer_view(&row));
        }
        dirty_clear(list);
    }
    buffer_deinit(&row);
}

enum status market_rows_load(struct market *market, uint8_t table_base, uint8_t table,
                             struct bytes key, struct bytes value)
{
    if (table <= table_base || table > table_base + MARKET_RULE || key.size != 4) {
        return STATUS_CORRUPT;
    }
    return market_restore(market, (enum market_thing)(table - table_base), load_u32_be(key.data),
                          value);
}

void market_rows_deinit(struct market_rows *rows)
{
    for (int thing = 0; thing < MARKET_TABLE_COUNT; thing++) {
        dirty_deinit(&rows->lists[thing]);
    }
}
