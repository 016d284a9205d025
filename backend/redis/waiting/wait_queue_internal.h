/* What the files that make up wait_queue.h share. */
#ifndef BACKEND_REDIS_WAITING_WAIT_QUEUE_INTERNAL_H
#define BACKEND_REDIS_WAITING_WAIT_QUEUE_INTERNAL_H

#include <uv.h>

#include "backend/redis/calls/script_calls.h"
#include "backend/redis/reply/reply_wait.h"
#include "backend/redis/waiting/wait_queue.h"
#include "backend/util/deadlines.h"
#include "backend/util/hash.h"

/* Keys that one look is about, at the most. */
#define LOOK_MAX 100

enum ticket_state {
	ASKING, /* a call is under way */
	QUEUED,
	LOST,   /* the server could not be asked; it is as soon as it can */
};

struct ticket {
	struct wait_queue *tickets;
	struct acquisition *acquisition; /* NULL: answered, and the call under way frees it */
	struct acquisition wants; /* a copy, with its texts, for calls that are under way when it is answered */
	enum ticket_state state;
	bool known;          /* the server may have it, as a call was answered or its answer was lost */
	bool refused;        /* the last call was answered with an error */
	bool granted;        /* while ASKING: so it was told, maybe of what the answer does not know yet */
	int64_t give_up_ns;  /* when nothing good is heard until then; 0: all is well */
	struct key_waiters *queue; /* NULL before it was queued for the first time */
	struct ticket *prev, *next; /* of the same queue */
	struct ticket *lost_prev, *lost_next; /* all that are LOST */
	UT_hash_handle hh;
	char nonce[NONCE_SIZE];
	char order[REPLY_ORDER_MAX];
	char text[];
};

/* The tickets of this mount for one key. */
struct key_waiters {
	struct ticket *tickets;
	struct key_state seen;
	struct heap_item look; /* when the server is to be asked */
	bool looks;            /* it is in the heap */
	struct key_waiters *prev, *next; /* in the order in which the beat looks at them */
	UT_hash_handle hh;
	char key[];
};

struct wait_queue {
	struct backend_config config;
	struct script_calls *calls;
	struct wait_queue_handlers owner;
	struct ticket *by_nonce;
	struct ticket *lost;
	size_t lost_count;
	struct key_waiters *queues;
	struct key_waiters *turn; /* the same, those next whose turn it is */
	struct deadlines looks;
	struct look *spare; /* so that this mount can say that it lives also where there is no memory; NULL: in use */
	uv_timer_t tick;
	bool ticks;
	unsigned int ticks_left; /* to the next beat */
	unsigned int users; /* of this memory: the timer and the looks, and each call under way */
	bool closing;
	void (*freed)(void *ctx);
	void *ctx;
};

/* A look under way: at keys, each with the nonce of its first ticket, as heartbeat.lua wants them. */
struct look {
	struct wait_queue *tickets;
	size_t count;
	size_t size;
	char keys[LOOK_MAX * (LOCK_KEY_MAX + 1 + NONCE_SIZE)];
};

/* key_waiters.c */
struct key_waiters *key_waiters_find(const struct wait_queue *tickets, const char *key);
struct key_waiters *key_waiters_find_or_add(struct wait_queue *tickets, const char *key);
void key_waiters_free(struct wait_queue *tickets, struct key_waiters *queue);
void key_waiters_stop_polling(struct wait_queue *tickets, struct key_waiters *queue);
void key_waiters_poll_in(struct wait_queue *tickets, struct key_waiters *queue, int64_t ms);
void key_waiters_plan_poll(struct wait_queue *tickets, struct key_waiters *queue, const struct key_state *seen);
void key_waiters_leave(struct ticket *ticket);

/* ticket.c */
struct ticket *ticket_new(struct wait_queue *tickets, struct acquisition *acquisition);
void ticket_change_state(struct ticket *ticket, enum ticket_state state);
void ticket_take_back(struct ticket *ticket, int status);
void ticket_ask(struct ticket *ticket);
void tickets_lose_all_but(struct wait_queue *tickets, const struct ticket *but);
void tickets_ask_lost(struct wait_queue *tickets);
void tickets_ask_again_but(struct wait_queue *tickets, const struct ticket *but);

/* poll.c */
void poll_free(struct look *look); /* accepts NULL */
void poll_add(struct look *look, const struct key_waiters *queue);
void poll_start(struct look *look);
struct look *poll_new(struct wait_queue *tickets);
struct key_waiters *poll_key_waiters(struct heap_item *item);
void polls_on_due(struct deadlines *looks);

/* heartbeat.c */
void heartbeat_start(struct wait_queue *tickets);

/* wait_queue.c */
void wait_queue_drop_user(struct wait_queue *tickets);

#endif
