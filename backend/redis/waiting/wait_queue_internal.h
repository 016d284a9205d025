/*
 * What the files that implement wait_queue.h share. No other file includes this.
 */
#ifndef BACKEND_REDIS_WAITING_WAIT_QUEUE_INTERNAL_H
#define BACKEND_REDIS_WAITING_WAIT_QUEUE_INTERNAL_H

#include <uv.h>

#include "backend/redis/calls/script_calls.h"
#include "backend/redis/reply/reply_wait.h"
#include "backend/redis/waiting/wait_queue.h"
#include "backend/util/deadlines.h"
#include "backend/util/hash.h"

#define POLL_KEYS_MAX 100 /* keys of one poll */

enum ticket_state {
	ASKING, /* a call of acquire.lua is under way */
	QUEUED, /* the server has the ticket */
	LOST,   /* the server could not be called; retried until `give_up_ns` */
};

struct ticket {
	struct wait_queue *wait_queue;
	struct acquisition *acquisition; /* NULL once answered; then the end of the call under way frees the ticket */
	struct acquisition request;      /* a copy with its texts, for calls that outlive `acquisition` */
	enum ticket_state state;
	bool server_may_know;   /* the server may have the ticket: a call was answered, or its answer was lost */
	bool refused;           /* the server answered the last call with an error */
	bool granted;           /* while ASKING: a GRANT arrived, which the reply under way may not know of */
	int64_t give_up_ns;     /* CLOCK_BOOTTIME: the wait fails then, if the server is not reached before; 0: never */
	struct key_waiters *key_waiters;      /* NULL until the ticket is queued for the first time */
	struct ticket *prev, *next;           /* in key_waiters->tickets */
	struct ticket *lost_prev, *lost_next; /* in wait_queue->lost */
	UT_hash_handle hh;                    /* in wait_queue->by_nonce */
	char nonce[NONCE_SIZE];
	char order[REPLY_ORDER_MAX];          /* place in the server's queue, kept when the ticket is queued again; "0": none yet */
	char text[];                          /* texts of `request` */
};

/* The tickets of this mount for one key: conversions first, then the oldest. */
struct key_waiters {
	struct ticket *tickets;
	struct key_state state;   /* as the server told it last */
	struct heap_item poll;    /* in wait_queue->poll_deadlines */
	bool is_poll_planned;     /* `poll` is in the heap */
	struct key_waiters *prev, *next; /* in wait_queue->heartbeat_order */
	UT_hash_handle hh;               /* in wait_queue->by_key */
	char key[];
};

struct wait_queue {
	struct backend_config config;
	struct script_calls *calls;
	struct wait_queue_handlers handlers;
	struct ticket *by_nonce;             /* all tickets */
	struct ticket *lost;                 /* tickets that are LOST */
	size_t lost_count;
	struct key_waiters *by_key;
	struct key_waiters *heartbeat_order; /* all keys; the first is next in the heartbeat */
	struct deadlines poll_deadlines;
	struct poll *spare_poll;         /* for a heartbeat without memory; NULL: in use */
	uv_timer_t tick;
	bool is_ticking;
	unsigned int ticks_to_heartbeat;
	unsigned int references;         /* to this memory: the timer, the deadlines, and each call under way */
	bool closing;
	void (*on_freed)(void *ctx);
	void *ctx;
};

/* A poll: keys, each with the nonce of its first ticket, as heartbeat.lua reads them. */
struct poll {
	struct wait_queue *wait_queue;
	size_t count; /* keys */
	size_t size;  /* bytes in `keys` */
	char keys[POLL_KEYS_MAX * (LOCK_KEY_MAX + 1 + NONCE_SIZE)];
};

/*
 * key_waiters.c
 * key_waiters_find_or_add() returns NULL if there is no memory. key_waiters_plan_poll() stores a new state of
 * the key and plans the next poll by it. key_waiters_leave() frees the waiters of a key with their last ticket.
 */
struct key_waiters *key_waiters_find(const struct wait_queue *queue, const char *key);
struct key_waiters *key_waiters_find_or_add(struct wait_queue *queue, const char *key);
void key_waiters_free(struct wait_queue *queue, struct key_waiters *waiters);
void key_waiters_stop_polling(struct wait_queue *queue, struct key_waiters *waiters);
void key_waiters_poll_in(struct wait_queue *queue, struct key_waiters *waiters, int64_t ms);
void key_waiters_plan_poll(struct wait_queue *queue, struct key_waiters *waiters, const struct key_state *state);
void key_waiters_leave(struct ticket *ticket);

/*
 * ticket.c
 * ticket_new() returns NULL if there is no memory. ticket_send_acquire() queues the ticket, confirms a grant, or queues
 * the ticket again in its old order; the server knows which. ticket_take_back() answers with `status` and
 * undoes what the server has. tickets_lose_all_but() marks queued tickets as LOST.
 */
struct ticket *ticket_new(struct wait_queue *queue, struct acquisition *acquisition);
void ticket_change_state(struct ticket *ticket, enum ticket_state state);
void ticket_take_back(struct ticket *ticket, int status);
void ticket_send_acquire(struct ticket *ticket);
void tickets_lose_all_but(struct wait_queue *queue, const struct ticket *but);
void tickets_retry_lost(struct wait_queue *queue);
void tickets_resend_but(struct wait_queue *queue, const struct ticket *but);

/*
 * poll.c
 * poll_new() returns NULL if there is no memory and the spare poll is in use.
 * poll_add() adds nothing to a full poll.
 */
void poll_add(struct poll *poll, const struct key_waiters *waiters);
void poll_start(struct poll *poll);
struct poll *poll_new(struct wait_queue *queue);
struct key_waiters *poll_key_waiters(struct heap_item *item);
void polls_on_due(struct deadlines *deadlines);

/* heartbeat.c */
void heartbeat_start(struct wait_queue *queue);

/* wait_queue.c */
void wait_queue_drop_reference(struct wait_queue *queue);

#endif
