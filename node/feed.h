/*
 * feed.h - how entries travel from one role to the next.
 *
 * The one that writes a feed publishes what became durable, and its head when it has been
 * silent for a second. That is a hint: a follower that misses something asks for it.
 *
 *     RUN/ROLE.feed     PUB     [u32 BE partition] ["e"] [entries in stored form]
 *                               [u32 BE partition] ["h"] ["head" message]
 *     RUN/ROLE.control  ROUTER  [header "replay"] ["replay"] -> [header "entries"] ["entries"]
 *
 * The id in the header of a replay is the entry asked for, u64.
 */
#ifndef NODE_FEED_H
#define NODE_FEED_H

#include "journal/journal.h"
#include "node/loop.h"

struct feed;

struct feed_options {
    struct loop *loop;
    const char *run_path; /* Borrowed during open. */
    const char *role;     /* Whose feed. */
    uint32_t partition;
};

/* The caller owns `*feed`. Statuses as port_open. */
MUST_USE enum status feed_open(const struct feed_options *options, struct feed **feed);
void feed_close(struct feed *feed);
void feed_publish(struct feed *feed, struct bytes stored);

/* To be called often: publishes the head when the feed has been silent for a second. */
void feed_tell_head(struct feed *feed, const struct journal_head *head);

struct follower;

struct follower_events {
    void *context;
    /* `from`: it came with the answer to an ask for this entry; 0: by itself. */
    void (*head)(void *context, const struct journal_head *head, uint64_t from);
    void (*entries)(void *context, struct bytes stored); /* Borrowed; unchecked. */
};

/* Follows a feed whose role may not be there yet, and may come and go. The caller owns
 * `*follower`. */
MUST_USE enum status follower_open(const struct feed_options *options,
                                   const struct follower_events *events,
                                   struct follower **follower);
void follower_close(struct follower *follower);

/* Asks for the entries from `from` on, as soon as there is someone to ask. A later wish replaces
 * one that has not been sent. */
void follower_ask(struct follower *follower, uint64_t from);
void follower_tick(struct follower *follower); /* To be called often: sends what waits. */

struct follower_figures {
    uint64_t asks;         /* Replays asked for. */
    uint64_t replays;      /* Answers that came. */
    uint64_t live_bytes;   /* Entries that came by the feed. */
    uint64_t replay_bytes; /* Entries that came by replay. */
    uint64_t malformed;    /* Messages that made no sense. */
};
struct follower_figures follower_figures(const struct follower *follower);

#endif
