/*
 * internal.h - the plan's state, shared by the files of core/plan alone.
 *
 *     plan.c      opens, folds what is said about the market, counts
 *     answers.c   assignments, and what their parties do with them
 *     days.c      an offer's days: slots, commitments, what a need can use
 *     arcs.c      brings the flow up to what the market says now
 *     bring.c     makes the flow optimal over all matches, listed or not
 *     doubts.c    commitments that rules would not allow any more
 *     explain.c   why a need gets what it gets
 *     told.c      what is told where it is not what flows
 *     keep.c      keeps what is told to lots
 *     events.c    tells the difference to the assignments
 *     rows.c      saves and loads
 *     certify.c   proves
 *
 * Between two settles the flow itself stands still: what is folded only marks needs and
 * offers, and arcs are added. So an answer always meets the assignments as they were told.
 */
#ifndef CORE_PLAN_INTERNAL_H
#define CORE_PLAN_INTERNAL_H

#include "core/plan/booking.h"
#include "core/plan/marks.h"
#include "core/plan/plan.h"
#include "core/plan/slots.h"

#define TRANCHE_COUNT PLAN_TRANCHE_COUNT

enum cause_bit { /* What happened to a need or an offer since the last settle. */
                 CAUSE_NEW = 1 << 0,
                 CAUSE_CHANGED = 1 << 1,
                 CAUSE_ENDED = 1 << 2,
                 CAUSE_DECLINED = 1 << 3, /* A party gave an assignment of it up. */
                 CAUSE_RISE = 1 << 4,
                 CAUSE_DROP = 1 << 5,
                 CAUSE_DAY = 1 << 6,  /* A day of it passed. */
                 CAUSE_RULE = 1 << 7, /* A dated rule changed, began or ended. */
};

struct plan_need {
    int64_t fixed;           /* Units of committed, shipped and received assignments. */
    int64_t counted_units;   /* The next three: as the totals count it. */
    uint32_t bound;          /* Every place of use (plan_places) that is cheaper has an arc. */
    uint32_t first;          /* Of the assignments that give it something; 0 for none. */
    uint32_t first_excluded; /* Index + 1 in `exclusions`; 0 for none. */
    uint32_t first_bend;     /* Index + 1 in `bends`; 0 for none. */
    uint8_t counted_state;
    uint8_t counted_class;
    uint8_t causes; /* enum cause_bit */
};

struct plan_offer {
    int64_t fixed;
    int64_t capacity;        /* Of its days, at the last settle; 0 unless active. */
    int64_t missed;          /* Committed units that cannot be made in time. */
    struct slot_range range; /* Its slots; none once it has ended. */
    struct slot_days days;   /* Which they serve. */
    bool is_cut;             /* Its chain: goods of some days wait for no later one. */
    uint32_t first_booked;   /* Of the commitments with units to make, by deadline; 0 for none. */
    uint32_t first_bend;     /* Index + 1 in `bends`; 0 for none. */
    uint8_t counted_state;
    uint8_t causes;
};

/* The places of an offer that a need can use: the last one that is on time, or else the first, and
 * those behind it. Where dated rules differ from day to day, or part the chain, each place between
 * speaks for itself. plan_can_use tells for each, with its cost. */
struct plan_places {
    uint32_t from, end;
    uint32_t cost; /* At `from`, and so many days is that late. */
    uint32_t days_late;
    int32_t on_time; /* The last day of production that is not. */
    bool is_dated;
};

struct saved_slot { /* As it is in its offer's row. */
    int64_t capacity, price, waiting;
};

struct day_work {             /* Scratch of days.c. */
    struct booking *bookings; /* Numbers are those of assignments, 0 for none. */
    size_t booking_capacity, booking_count;
    struct booking_span *spans;
    size_t span_capacity, span_count;
};

/* Bounds that spare a look at every need or offer of a product. They decide nothing. */
struct plan_product {
    int64_t reach_max; /* No open need's value - bound is above it. */
    int64_t price_min; /* No active offer's price is below it. */
};

struct exclusion { /* An offer that a need shall not have again, or the other way round. */
    uint32_t offer;
    uint32_t next; /* Index + 1; 0 for none. */
};

struct bend { /* A pair that is told other units than flow. */
    uint32_t need, offer;
    int64_t units;          /* Told beyond the flow; negative when some of it is withheld. */
    uint32_t next_of_need;  /* Index + 1; 0 for none. Also of those that are free. */
    uint32_t next_of_offer; /* In no particular order. */
};

struct pending_answer { /* What a command did, told at the next settle. */
    uint64_t assignment;
    uint8_t state; /* The state it gave; 0 when refused. */
    uint64_t quantity;
    struct bytes reason; /* In the arena, as is `id`. */
    struct bytes id;
    const char *code;
    const char *why;
    uint64_t cause;
    uint64_t at;
};

struct missing { /* A match without an arc that pays. */
    uint32_t need, slot, cost;
    int64_t gain;
};

struct ranked { /* A need by its reach, an offer by its price. */
    int64_t key;
    uint32_t number;
};

struct plan {
    struct plan_options options;
    struct market *market;
    struct flow *flow;

    struct plan_need *needs;
    size_t need_capacity;
    struct plan_offer *offers;
    size_t offer_capacity;
    struct plan_product *products;
    size_t product_capacity;

    struct slots slots;
    struct saved_slot *saved_slots;
    size_t saved_slot_capacity;
    uint32_t stock_lead_max; /* No stock has more lead days. */

    struct plan_assignment *assignments; /* By number; 0 is not used. */
    size_t assignment_capacity;
    uint32_t *next; /* Of the same need. */
    size_t next_capacity;
    uint32_t *next_booked; /* Of the same offer. */
    size_t next_booked_capacity;
    uint32_t assignment_count;
    struct exclusion *exclusions;
    size_t exclusion_capacity;
    size_t exclusion_count;
    struct bend *bends;
    size_t bend_capacity;
    uint32_t bend_end;   /* Behind the highest that was used. */
    uint32_t bend_count; /* Those that are not free. */
    uint32_t free_bend;  /* Index + 1; 0 for none. */

    uint64_t seq; /* Of the entry applied last, and its time. */
    uint64_t time_ms;
    bool is_settled;
    bool has_new_rules;        /* Since the last settle rules, days or places may be others. */
    struct plan_totals totals; /* Without what the market counts. */

    /* Since the last settle. */
    struct marks touched_needs, touched_offers; /* Units, states or causes changed. */
    struct marks stale_needs, stale_offers;     /* Their arcs must be checked again. */
    struct marks wide_offers;                   /* Any need may lack an arc below its bound. */
    struct marks pending_needs, pending_offers; /* Where a missing match may pay. */
    struct marks grown_needs;                   /* They got arcs, perhaps too many. */
    uint64_t *pairs;                            /* need << 32 | offer that may need other arcs. */
    size_t pair_capacity;
    size_t pair_count;
    struct pending_answer *answers;
    size_t answer_capacity;
    size_t answer_count;
    struct arena arena;

    /* Scratch. */
    uint64_t *moved; /* Pairs need << 32 | offer whose flow a settle changed. */
    size_t moved_capacity;
    size_t moved_count;
    struct missing *missing;
    size_t missing_capacity;
    size_t missing_count;
    struct ranked *ranked;
    size_t ranked_capacity;
    size_t ranked_count;
    uint64_t *grouped;
    size_t grouped_capacity;
    struct flow_arc *work;
    size_t work_capacity;
    struct day_work *day_work;
    struct keeping *keeping; /* keep.c */
    uint32_t *needs_of;      /* Of an offer. */
    size_t needs_of_capacity;

    /* Since the last save. */
    struct marks dirty_parties, dirty_products, dirty_needs, dirty_offers;
    struct marks dirty_rules;
    struct marks dirty_shares; /* Needs whose row in the plan changed. */
    struct marks dirty_fixed;  /* Offers likewise, beside those whose price changed. */
    struct marks dirty_assignments;
};

/* plan.c */
void plan_grow(struct plan *plan); /* Tables as large as the market's. */
void plan_count_need(struct plan *plan, uint32_t number);
void plan_count_offer(struct plan *plan, uint32_t number);
void plan_count_promised(struct plan *plan, uint32_t need, int64_t units);
bool plan_need_is_open(const struct plan *plan, uint32_t need);
bool plan_offer_is_active(const struct plan *plan, uint32_t offer);

/* answers.c */
void plan_answer(struct plan *plan, const struct plan_input *input);
/* Units of an assignment leave the flow, or as many of them as are in it: the need and the offer
 * have them fixed. */
void plan_commit(struct plan *plan, uint32_t number);
uint32_t plan_add_assignment(struct plan *plan, const struct plan_assignment *assignment);
void plan_link(struct plan *plan, uint32_t number);
void plan_unlink(struct plan *plan, uint32_t number);
uint32_t plan_find_unfixed(const struct plan *plan, uint32_t need, uint32_t offer);
void plan_exclude(struct plan *plan, uint32_t need, uint32_t offer);
int64_t plan_live_units(const struct plan *plan, uint32_t need);

/* days.c */
struct slot_days plan_offer_days(const struct plan *plan, uint32_t number); /* Today. */
bool plan_is_stock(const struct plan *plan, uint32_t offer);
uint32_t plan_place_count(const struct plan *plan, uint32_t offer);
uint32_t plan_slot_at(const struct plan *plan, uint32_t offer, uint32_t place);
int32_t plan_day_at(const struct plan *plan, uint32_t offer, uint32_t place);
/* The slot whose goods those of a place may wait for, FLOW_NONE for none. */
uint32_t plan_follows(const struct plan *plan, uint32_t offer, uint32_t place);
bool plan_is_cut(const struct plan *plan, uint32_t offer, struct slot_days days);
/* The least price of its slots: along each part of a chain prices never rise. */
int64_t plan_offer_price(const struct plan *plan, uint32_t offer);
void plan_take_slots(struct plan *plan, uint32_t number);
void plan_release_slots(struct plan *plan, uint32_t number); /* They have no arcs any more. */
bool plan_wants_more_slots(const struct plan *plan, uint32_t number);
void plan_book(struct plan *plan, uint32_t number);
void plan_unbook(struct plan *plan, uint32_t number);
void plan_make(struct plan *plan, uint32_t number, int32_t before); /* From day `before` on. */
/* Units that an offer can still commit to, made by `day`; or by any. */
int64_t plan_room(const struct plan *plan, uint32_t offer, int32_t day);
int64_t plan_offer_rest(const struct plan *plan, uint32_t offer);
/* What the slots of the offer have beside commitments; returns units that are missed. */
int64_t plan_capacities(const struct plan *plan, uint32_t number,
                        int64_t capacities[SLOT_COUNT_MAX]);
int64_t plan_capacity(const struct plan *plan, uint32_t number); /* Commitments included. */
void plan_set_days(struct plan *plan, uint32_t number); /* Days, chain and capacities of slots. */
/* `day` as of slots and assignments: DAY_NONE of a stock. */
struct match plan_match_on(const struct plan *plan, uint32_t need, uint32_t offer, int32_t day);
struct plan_places plan_places(const struct plan *plan, uint32_t need, uint32_t number);
/* Whether the place, from `places`, is of use to the need; then what it costs. */
bool plan_can_use(const struct plan *plan, uint32_t need, uint32_t offer,
                  const struct plan_places *places, uint32_t place, uint32_t *cost);
/* The first place that is of use, SLOT_NONE for none. */
uint32_t plan_first_use(const struct plan *plan, uint32_t need, uint32_t offer);
/* The least cost of a day of the tail on which the pair is possible, UINT32_MAX for none. */
uint32_t plan_least_in_tail(const struct plan *plan, uint32_t need, uint32_t number);
/* The match on all the days of a place: the first that fails, else the last one's. */
struct match plan_match_at(const struct plan *plan, uint32_t need, uint32_t number, uint32_t place);
/* Of use: goods of the place cannot wait for a later one that is as good. */
bool plan_is_of_use(const struct plan *plan, uint32_t need, uint32_t offer, uint32_t place,
                    const struct match *match);

/* arcs.c */
size_t plan_tranches(const struct plan *plan, uint32_t number,
                     struct flow_tranche tranches[TRANCHE_COUNT]);
void plan_list_pair(struct plan *plan, uint32_t need, uint32_t offer, uint32_t cost);
void plan_sync(struct plan *plan);
/* What a pair has in the flow, and until when that is made: DAY_NONE for a stock. */
struct plan_share {
    int64_t units;
    int32_t day;
};
struct plan_share plan_share(const struct plan *plan, uint32_t need, uint32_t offer);
/* Copies the arcs of a need into `work`: what the flow lends, the next loan overwrites. */
size_t plan_copy_arcs(struct plan *plan, uint32_t need);
/* Fixes up to `units` of a pair. */
void plan_fix(struct plan *plan, uint32_t need, uint32_t offer, int64_t units);

/* bring.c */
void plan_optimise(struct plan *plan);
void plan_sort_moved(struct plan *plan);

/* The flow of some pair may have changed, or what is told of it. */
void plan_note_moved(struct plan *plan, uint32_t need, uint32_t offer);

/* told.c: what a pair is told is its flow and its bend. Bends are not saved: they are what the
 * assignments differ by from the flow. */
int64_t plan_bend(const struct plan *plan, uint32_t need, uint32_t offer);
void plan_set_bend(struct plan *plan, uint32_t need, uint32_t offer, int64_t units); /* 0: none. */
/* Without units in the flow, by the first day that has an arc. */
struct plan_share plan_told(const struct plan *plan, uint32_t need, uint32_t offer);
int64_t plan_told_units(const struct plan *plan, uint32_t need); /* Of all its offers. */
/* Units of an offer that are neither committed nor told. */
int64_t plan_spare(const struct plan *plan, uint32_t offer);
/* Units that can be told beside the others, made by a day of a slot; negative when the others are
 * too many. Goods of other days count as far as they wait for that one. */
int64_t plan_spare_by(const struct plan *plan, uint32_t offer, int32_t day);
/* Whether all that the offer is told to give can be made in time. */
bool plan_told_fits(const struct plan *plan, uint32_t offer);

/* keep.c */
void plan_keep_open(struct plan *plan);
void plan_keep_close(struct plan *plan);
/* After plan_optimise: sets bends so that what is told keeps to lots. */
void plan_keep_to_lots(struct plan *plan);
/* No offer is told less than a lot to the need, but for one that completes it. */
bool plan_is_lotted(const struct plan *plan, uint32_t need);
/* A listed offer that lies idle though the need could be told more of it, NAME_NONE for none. */
uint32_t plan_find_idle(const struct plan *plan, uint32_t need);

/* events.c */
void plan_tell(struct plan *plan, const struct plan_listener *listener);
void plan_fill_event(const struct plan *plan, uint64_t number, struct assignment_event *event);
void plan_fill_match(const struct plan *plan, struct plan_assignment *assignment);

/* doubts.c */
bool plan_is_doubtful(const struct plan *plan, const struct plan_assignment *assignment);
void plan_set_doubt(struct plan *plan, uint32_t number, bool is_in_doubt);
void plan_tell_doubts(struct plan *plan, const struct plan_listener *listener);

#endif
