/*
 * market_rows.h - which rows of a market changed since the last checkpoint.
 *
 * Every stage that folds commands into a market saves it the same way: one table for
 * each kind of thing, keyed by its number.
 */
#ifndef CORE_MATCH_MARKET_ROWS_H
#define CORE_MATCH_MARKET_ROWS_H

#include "core/match/market.h"

#define MARKET_TABLE_COUNT 7 /* Tables base + enum market_thing; base itself is not used. */

struct dirty_list {
    uint32_t *items; /* Each once, in order of noting. */
    size_t count;
    size_t capacity;
    uint8_t *flags; /* By number. */
    size_t flag_capacity;
};

/* Zero is: nothing changed. */
struct market_rows {
    struct dirty_list lists[MARKET_TABLE_COUNT];
};

typedef void (*market_put_row)(void *context, uint8_t table, struct bytes key, struct bytes value);

/* Notes what a command of `kind` changed. */
void market_rows_note(struct market_rows *rows, uint16_t kind, const struct market_change *change);

/* Puts the noted rows and forgets them. */
void market_rows_save(struct market_rows *rows, const struct market *market, uint8_t table_base,
                      market_put_row put, void *context);

/* Puts one row of table `table_base` + thing back. STATUS_CORRUPT when it makes no sense. */
MUST_USE enum status market_rows_load(struct market *market, uint8_t table_base, uint8_t table,
                                      struct bytes key, struct bytes value);

void market_rows_deinit(struct market_rows *rows);

/* The list alone, for others with numbered rows. */
void dirty_note(struct dirty_list *list, uint32_t number);
void dirty_clear(struct dirty_list *list);
void dirty_deinit(struct dirty_list *list);

#endif
