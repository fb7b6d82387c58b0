#include "core/match/affected.h"

#include "core/match/lists.h"
#include "core/match/rules.h"

#include <stdlib.h>

static void add(struct market *market, uint32_t need)
{
    GROW(market->is_affected, market->is_affected_capacity, (size_t)need + 1);
    if (!market->is_affected[need]) {
        market->is_affected[need] = true;
        list_append(&market->affected_needs, need);
    }
}

/* The open needs that goods of `product` may serve, as far as `norm` (NULL: any) and `party`
 * (NAME_NONE: any) are about them. */
static void add_needs(struct market *market, uint32_t product, const struct rule *norm,
                      uint32_t party)
{
    uint32_t asked[PRODUCT_ASKED_MAX];
    size_t count = market_asked_products(market, product, asked);

    for (size_t i = 0; i < count; i++) {
        const struct number_list *needs = &market->products[asked[i]].needs;
        for (size_t j = 0; j < needs->count; j++) {
            const struct need *need = &market->needs[needs->items[j]];
            if ((party == NAME_NONE || need->party == party) &&
                (norm == NULL || rule_is_in_scope(market, norm, need))) {
                add(market, needs->items[j]);
            }
        }
    }
}

void affected_add_product(struct market *market, uint32_t product)
{
    add_needs(market, product, NULL, NAME_NONE);
}

static void add_by_substitute(struct market *market, const struct rule *rule)
{
    const struct number_list *needs = &market->products[rule->product].needs;

    for (size_t i = 0; i < needs->count; i++) {
        add(market, needs->items[i]);
    }
}

/* Ended ones count: they may have commitments. */
static bool has_offer(const struct market *market, uint32_t party, uint32_t product)
{
    uint32_t offer = market->parties[party].last_offer;

    while (offer != NAME_NONE && market->offers[offer].product != product) {
        offer = market->offers[offer].previous_offer;
    }
    return offer != NAME_NONE;
}

static void add_by_certificate(struct market *market, const struct rule *rule)
{
    const struct number_list *norms = &market->products[rule->product].norms;

    if (!has_offer(market, rule->party, rule->product)) {
        return;
    }
    for (size_t i = 0; i < norms->count; i++) {
        const struct rule *norm = &market->rules[norms->items[i]];
        if (norm->code == rule->code) {
            add_needs(market, rule->product, norm, NAME_NONE);
        }
    }
}

/* The needs of `requester` that `offerer` has goods for. */
static void add_between(struct market *market, uint32_t requester, uint32_t offerer)
{
    for (uint32_t offer = market->parties[offerer].last_offer; offer != NAME_NONE;
         offer = market->offers[offer].previous_offer) {
        add_needs(market, market->offers[offer].product, NULL, requester);
    }
}

void affected_add_rule(struct market *market, const struct rule *rule)
{
    switch ((enum rule_kind)rule->kind) {
    case RULE_SUBSTITUTE:
        add_by_substitute(market, rule);
        return;
    case RULE_NORM:
        add_needs(market, rule->product, rule, NAME_NONE);
        return;
    case RULE_CERTIFICATE:
        add_by_certificate(market, rule);
        return;
    case RULE_EXCLUSION:
        add_between(market, rule->party, rule->other);
        add_between(market, rule->other, rule->party);
        return;
    }
    UNREACHABLE();
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

void affected_sort(struct market *market)
{
    if (market->affected_needs.count > 1) {
        qsort(market->affected_needs.items, market->affected_needs.count, sizeof(uint32_t),
              compare_numbers);
    }
}

void affected_forget(struct market *market)
{
    for (size_t i = 0; i < market->affected_needs.count; i++) {
        market->is_affected[market->affected_needs.items[i]] = false;
    }
    market->affected_needs.count = 0;
}
