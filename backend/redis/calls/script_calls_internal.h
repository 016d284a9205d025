/*
 * What the files that implement script_calls.h share. No other file includes this.
 */
#ifndef BACKEND_REDIS_CALLS_SCRIPT_CALLS_INTERNAL_H
#define BACKEND_REDIS_CALLS_SCRIPT_CALLS_INTERNAL_H

#include <uv.h>

#include "backend/redis/calls/script_calls.h"
#include "backend/redis/calls/user_turns.h"
#include "backend/redis/net/connection.h"
#include "backend/redis/net/handshake.h"
#include "backend/redis/net/server_error.h"
#include "backend/redis/reclaim/reclaim.h"

#define HELD_BECAUSE_MAX 128 /* bytes of an error that is kept */

struct script_calls {
	struct backend_config config; /* its texts belong to the backend */
	const struct redis_url *source;
	const char *instance;
	struct connection *connection;
	struct handshake *handshake;
	struct reclaim *reclaim;
	struct script_call *pending;  /* all calls, in the order of their deadlines */
	struct replica_wait *replica_wait; /* NULL: calls do not wait for replicas */
	struct script_call *unconfirmed; /* those of `pending` that wait for replicas, in the order of their replies */
	struct script_call *postponed; /* calls that wait for the end of the grace, in no list of `pending` */
	struct user_turns turns;      /* the pending calls that are counted for a user */
	bool taking_turns;            /* calls_take_turns() is running */
	bool is_holding;              /* no call is sent for now (call_retry.c) */
	bool is_leaving;              /* the connection is given up once no call is under way on it */
	uid_t user_in_reply;          /* of the call whose `done` is running; else BACKEND_NOBODY */
	bool in_message;              /* see script_calls_set_in_message() */
	struct undo *undos;
	uv_timer_t deadline;          /* of the first pending call; after closing, of the undos */
	uv_timer_t keepalive;
	uv_timer_t undo_again;
	uv_timer_t after_grace;       /* begins the postponed calls again */
	uv_timer_t retry;             /* ends `is_holding` */
	bool ping_unanswered;
	int64_t last_sent_ns;           /* CLOCK_BOOTTIME */
	int64_t recent_round_trip_ms;   /* the longest of late; forgets by an eighth with each reply */
	int64_t shortest_round_trip_ns; /* over this connection */
	bool closing;                   /* script_calls_close() was called; undos are still sent */
	bool closed;                    /* nothing is sent any more */
	uint64_t connections;           /* made since the start */
	uint64_t round_trips;           /* replies since the start */
	int64_t round_trip_ns;          /* sum of their latencies */
	unsigned int references;        /* to this memory: five timers, the connection and replica_wait */
	struct script_calls_handlers handlers;

	backend_started *started;       /* NULL once it was called */
	void *started_ctx;

	const struct server_error *last_refusal;
	int64_t last_refusal_ns;        /* CLOCK_BOOTTIME */
	int64_t last_unconfirmed_ns;    /* CLOCK_BOOTTIME of the last line about calls that replicas do not have; 0: none */
	char held_because[HELD_BECAUSE_MAX]; /* the error of the server for which calls are held */
};

/* call_queue.c */
const char *call_key(const struct script_call *call);
void call_finish(struct script_call *call, int status, const redisReply *reply, int64_t age_ms);
void calls_finish_waiting(struct script_calls *calls, int status);
void calls_drop_silent(struct script_calls *calls);
void call_postpone(struct script_call *call, int64_t ms);
void calls_end_postponement(struct script_calls *calls);

/* call_sending.c */
void calls_take_turns(struct script_calls *calls);
void calls_send(struct script_call *call);
void call_send_in_turn(struct script_call *call);
int64_t call_age_ms(const struct script_call *call); /* since it was sent, in whole ms, as the server counts leases */

/* call_retry.c */
bool calls_hold(struct script_call *call, const char *text);
void calls_send_held(struct script_calls *calls);
void calls_leave_if_idle(struct script_calls *calls);
void calls_on_lost(struct script_calls *calls);
bool calls_extend(struct script_call *call);

/* confirmation.c */
bool call_confirm(struct script_call *call, int status, const redisReply *reply); /* true: the call ends later, or has ended */
bool call_awaits_replicas(const struct script_call *call);
void call_end_unconfirmed(struct script_call *call); /* its time is over */
void calls_end_unconfirmed(struct script_calls *calls, int status); /* their results may be lost */

/* call_refusal.c */
void calls_notice(const struct script_calls *calls, const char *line);
void calls_notice_sometimes(struct script_calls *calls, const char *line); /* once in 10 s */
void calls_tell_refusal(const struct script_call *call, const char *text);
void calls_tell_trouble(const struct script_call *call, const redisReply *reply);

/* round_trip.c */
void calls_learn_distance(struct script_calls *calls, int64_t took_ns);
void calls_learn_round_trip(struct script_calls *calls, int64_t age_ms);

/* undo.c */
void calls_undo_unanswered(const struct script_call *call);
bool calls_may_put_back(const struct script_calls *calls, const char *key);
void calls_send_undos(struct script_calls *calls);
void calls_free_undos(struct script_calls *calls);

/* script_calls.c */
void calls_reclaim(struct script_calls *calls);
void calls_drop_reference(struct script_calls *calls);
void calls_close_all(struct script_calls *calls);

/* keepalive.c */
void calls_start_keepalive(struct script_calls *calls);

#endif
