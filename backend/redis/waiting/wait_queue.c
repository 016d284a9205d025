#include "backend/redis/waiting/wait_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/redis/calls/acquire_call.h"
#include "backend/redis/calls/script_calls.h"
#include "backend/redis/reply/reply_wait.h"
#include "backend/util/clock.h"
#include "backend/util/deadlines.h"
#include "backend/util/hash.h"
#include "backend/util/text_copy.h"

/* The server takes a mount for dead after three beats that it did not hear (ALIVE in queue.lua). */
#define BEAT_MS 1000

/* The first beat comes early, as most hand-overs that nobody takes are of those who came just before. */
#define FIRST_BEAT_MS 500

/* So often those are asked for, or given up, that the server could not be asked for; a part of each beat. */
#define TICK_MS 250

/* When a look that failed is tried again. */
#define RETRY_MS 400

/* The server counts in whole milliseconds. */
#define SERVER_TICK_MS 1

/* Clients that lock past lockfs tell nobody when they release. */
#define FOREIGN_LOOK_MS 1000

/* The mount of the first ticket looks first at the end of a lease, the others in case it is dead. */
#define STAGGER_MS 10
#define STAGGER_MAX 20

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
	struct key_look seen;
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

static void drop_user(struct wait_queue *tickets)
{
	if (--tickets->users > 0)
		return;
	tickets->freed(tickets->ctx);
	free(tickets->spare);
	free(tickets);
}

/* Accepts NULL. */
static void free_look(struct look *look)
{
	if (look && !look->tickets->spare)
		look->tickets->spare = look;
	else
		free(look);
}

/* Queues */

static struct key_waiters *find_queue(const struct wait_queue *tickets, const char *key)
{
	struct key_waiters *queue;

	HASH_FIND_STR(tickets->queues, key, queue);
	return queue;
}

static struct key_waiters *find_or_make_queue(struct wait_queue *tickets, const char *key)
{
	struct key_waiters *queue = find_queue(tickets, key);

	if (queue)
		return queue;
	queue = calloc(1, sizeof(*queue) + strlen(key) + 1);
	if (!queue)
		return NULL;
	stpcpy(queue->key, key);
	HASH_ADD_STR(tickets->queues, key, queue);
	if (!queue->hh.tbl) {
		free(queue);
		return NULL;
	}
	DL_APPEND(tickets->turn, queue);
	return queue;
}

static void free_queue(struct wait_queue *tickets, struct key_waiters *queue)
{
	DL_DELETE(tickets->turn, queue);
	HASH_DELETE(hh, tickets->queues, queue);
	free(queue);
}

static void stop_looking(struct wait_queue *tickets, struct key_waiters *queue)
{
	if (queue->looks)
		heap_remove(&tickets->looks.heap, &queue->look);
	queue->looks = false;
}

static void look_in(struct wait_queue *tickets, struct key_waiters *queue, int64_t ms)
{
	int64_t due_ns = boot_ns() + ms * NS_PER_MS;

	/* Without memory for it, the beat still finds what was handed over. */
	stop_looking(tickets, queue);
	queue->looks = heap_insert(&tickets->looks.heap, &queue->look, due_ns) == 0;
	deadlines_arm(&tickets->looks);
}

static int64_t stagger(int64_t rank)
{
	return (rank < STAGGER_MAX ? rank : STAGGER_MAX) * STAGGER_MS;
}

/* In how many ms the server is to be asked about a key; -1: not by itself. */
static int64_t next_look(const struct key_waiters *queue)
{
	const struct key_look *seen = &queue->seen;
	int64_t ms = -1;
	const struct ticket *ticket;

	if (seen->left_ms != LEASE_NEVER)
		ms = (seen->left_ms > 0 ? seen->left_ms : 0) + SERVER_TICK_MS + stagger(seen->rank);
	if (seen->foreign && (ms < 0 || ms > FOREIGN_LOOK_MS))
		ms = FOREIGN_LOOK_MS;
	DL_FOREACH(queue->tickets, ticket) {
		int64_t wish_ms = ticket->acquisition->poll_ms;

		if (wish_ms > 0 && (ms < 0 || ms > wish_ms))
			ms = wish_ms;
	}
	return ms;
}

/* How it stands with a key was just learnt. */
static void plan_look(struct wait_queue *tickets, struct key_waiters *queue, const struct key_look *seen)
{
	int64_t ms;

	queue->seen = *seen;
	ms = next_look(queue);
	if (ms < 0)
		stop_looking(tickets, queue);
	else
		look_in(tickets, queue, ms);
}

static void leave_queue(struct ticket *ticket)
{
	struct wait_queue *tickets = ticket->tickets;
	struct key_waiters *queue = ticket->queue;

	if (!queue)
		return;
	ticket->queue = NULL;
	DL_DELETE(queue->tickets, ticket);
	if (queue->tickets)
		return;
	stop_looking(tickets, queue);
	free_queue(tickets, queue);
}

/* Tickets */

static void ask(struct ticket *ticket);

static void ask_again_but(struct wait_queue *tickets, const struct ticket *but);

static void start_ticking(struct wait_queue *tickets);

static struct ticket *make_ticket(struct wait_queue *tickets, struct acquisition *acquisition)
{
	struct ticket *ticket = calloc(1, sizeof(*ticket) + text_size(acquisition->key) +
		holder_text_size(&acquisition->holder));
	char *cursor;

	if (!ticket || make_nonce(ticket->nonce) < 0)
		goto fail;
	ticket->tickets = tickets;
	ticket->acquisition = acquisition;
	ticket->wants = *acquisition;
	cursor = ticket->text;
	ticket->wants.key = copy_text(&cursor, acquisition->key);
	ticket->wants.holder = copy_holder(&cursor, &acquisition->holder);
	stpcpy(ticket->order, "0");
	HASH_ADD_STR(tickets->by_nonce, nonce, ticket);
	if (!ticket->hh.tbl)
		goto fail;
	acquisition->pending = ticket;
	return ticket;
fail:
	free(ticket);
	return NULL;
}

static void change_state(struct ticket *ticket, enum ticket_state state)
{
	struct wait_queue *tickets = ticket->tickets;

	if (ticket->state == LOST) {
		DL_DELETE2(tickets->lost, ticket, lost_prev, lost_next);
		tickets->lost_count--;
	}
	ticket->state = state;
	if (state == LOST) {
		DL_APPEND2(tickets->lost, ticket, lost_prev, lost_next);
		tickets->lost_count++;
	}
}

static void free_ticket(struct ticket *ticket)
{
	change_state(ticket, QUEUED);
	leave_queue(ticket);
	HASH_DELETE(hh, ticket->tickets->by_nonce, ticket);
	free(ticket);
}

/* Ends what the caller knows of; the ticket may have a call under way still. */
static void answer(struct ticket *ticket, int status, const struct lock *lock)
{
	struct acquisition *acquisition = ticket->acquisition;
	bool asking = ticket->state == ASKING;

	leave_queue(ticket);
	ticket->acquisition = NULL;
	/* The analyzer does not see that no ticket is LOST, or told of, whose caller has been answered. */
	acquisition->pending = NULL; /* NOLINT(clang-analyzer-core.NullDereference) */
	/* The lock's key is the ticket's. */
	acquisition->done(acquisition->ctx, status, lock);
	if (!asking)
		free_ticket(ticket);
}

/* What a server may have is undone however often it refuses that; of what was never sent it has nothing. */
static void undo(const struct ticket *ticket, const char *key)
{
	if (ticket->known)
		script_calls_undo(ticket->tickets->calls, key, ticket->nonce);
	else if (ticket->refused)
		script_calls_undo_refused(ticket->tickets->calls, key, ticket->nonce);
}

/* Ends it without the lock, and whatever the server has of it. */
static void take_back(struct ticket *ticket, int status)
{
	/* A call under way may still take the lock, or join: that is undone when it is over. */
	if (ticket->state != ASKING)
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): as in answer() */
		undo(ticket, ticket->acquisition->key);
	answer(ticket, status, NULL);
}

static void lose(struct ticket *ticket, int status)
{
	change_state(ticket, LOST);
	start_ticking(ticket->tickets);
	if (ticket->give_up_ns <= boot_ns())
		take_back(ticket, status);
}

static void queue_up(struct ticket *ticket, const redisReply *reply)
{
	struct wait_queue *tickets = ticket->tickets;
	struct key_waiters *queue = find_or_make_queue(tickets, ticket->acquisition->key);
	struct key_look seen;
	bool was_alive = true;
	int err = queue ? reply_queued(reply, ticket->order, &seen, &was_alive) : -ENOMEM;

	ticket->give_up_ns = 0;
	if (err < 0) {
		if (queue && !queue->tickets)
			free_queue(tickets, queue);
		take_back(ticket, err == -EPROTO ? -EIO : err);
		return;
	}
	if (!ticket->queue) {
		ticket->queue = queue;
		DL_APPEND(queue->tickets, ticket);
	}
	/* The look goes by the first of a mount's tickets, and by the wishes of all. */
	if (queue->tickets == ticket || !queue->looks || ticket->acquisition->poll_ms > 0)
		plan_look(tickets, queue, &seen);
	start_ticking(tickets);
	if (!was_alive)
		ask_again_but(tickets, ticket);
	if (ticket->granted)
		ask(ticket);
}

static void answer_held(struct ticket *ticket, const struct script_call *call, int status, const struct lock *lock)
{
	const struct wait_queue_handlers *owner = &ticket->tickets->owner;

	if (status == 0)
		owner->acquired(owner->ctx, call, lock);
	answer(ticket, status, lock);
}

static void on_asked(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct ticket *ticket = call->ctx;
	struct wait_queue *tickets = ticket->tickets;
	struct lock lock;

	change_state(ticket, QUEUED);
	ticket->refused = call->refused;
	/* A call that was never sent ends with EHOSTDOWN. */
	ticket->known |= !call->refused && status != -EHOSTDOWN;
	if (!ticket->acquisition) {
		/* It was cancelled meanwhile. */
		undo(ticket, call->key);
		free_ticket(ticket);
	} else if (status == -EINPROGRESS) {
		queue_up(ticket, reply);
	} else if (status == -EHOSTDOWN || status == -ETIMEDOUT) {
		lose(ticket, status);
	} else if (status == 0 || status == -EEXIST) {
		int err = acquire_reply(call, status, reply, age_ms, &lock);

		/* An answer that comes after the end of its own lease is no acquisition. */
		if (err < 0)
			take_back(ticket, err == -EPROTO ? -EIO : -ETIMEDOUT);
		else
			answer_held(ticket, call, status, &lock);
	} else {
		/* The server has nothing of it, but for what an earlier call queued. */
		take_back(ticket, status == -EPROTO ? -EIO : status);
	}
	drop_user(tickets);
}

/* Joins, confirms what was handed over, or joins again in the old order: the server knows which. */
static void ask(struct ticket *ticket)
{
	struct wait_queue *tickets = ticket->tickets;
	struct script_call *call = acquire_call(tickets->calls, &ticket->wants, ticket->nonce, ticket->order);

	if (!call) {
		take_back(ticket, -ENOMEM);
		return;
	}
	ticket->granted = false;
	change_state(ticket, ASKING);
	if (ticket->give_up_ns == 0)
		ticket->give_up_ns = boot_ns() + tickets->config.timeout_ms * NS_PER_MS;
	tickets->users++;
	call->done = on_asked;
	call->ctx = ticket;
	tickets->owner.asking(tickets->owner.ctx, call);
	script_call_start(call);
}

void wait_queue_acquire(struct wait_queue *tickets, struct acquisition *acquisition)
{
	struct ticket *ticket = make_ticket(tickets, acquisition);

	if (ticket)
		ask(ticket);
	else
		acquisition->done(acquisition->ctx, -ENOMEM, NULL);
}

void wait_queue_cancel(struct wait_queue *tickets, struct acquisition *acquisition)
{
	(void)tickets;
	take_back(acquisition->pending, -ECANCELED);
}

void wait_queue_granted(struct wait_queue *tickets, const char *nonce)
{
	struct ticket *ticket;

	HASH_FIND_STR(tickets->by_nonce, nonce, ticket);
	if (!ticket)
		script_calls_undo_again(tickets->calls); /* it is to be undone, and the server would not yet */
	if (!ticket || !ticket->acquisition)
		return;
	if (ticket->state == QUEUED)
		ask(ticket);
	else
		ticket->granted = true;
}

static void lose_all_but(struct wait_queue *tickets, const struct ticket *but)
{
	int64_t give_up_ns = boot_ns() + tickets->config.timeout_ms * NS_PER_MS;
	struct ticket *ticket, *next;

	HASH_ITER(hh, tickets->by_nonce, ticket, next) {
		if (ticket == but || ticket->state != QUEUED || !ticket->acquisition)
			continue;
		change_state(ticket, LOST);
		ticket->give_up_ns = give_up_ns;
	}
}

void wait_queue_lost(struct wait_queue *tickets)
{
	lose_all_but(tickets, NULL);
}

static void ask_lost(struct wait_queue *tickets)
{
	/* Who cannot be asked for is lost again at once, behind the others. */
	for (size_t count = tickets->lost_count; count > 0 && tickets->lost; count--)
		ask(tickets->lost);
}

static void ask_again_but(struct wait_queue *tickets, const struct ticket *but)
{
	lose_all_but(tickets, but);
	ask_lost(tickets);
}

void wait_queue_ask_again(struct wait_queue *tickets)
{
	ask_again_but(tickets, NULL);
}

bool wait_queue_know(const struct wait_queue *tickets, const char *nonce)
{
	const struct ticket *ticket;

	HASH_FIND_STR(tickets->by_nonce, nonce, ticket);
	return ticket != NULL;
}

size_t wait_queue_key_count(const struct wait_queue *tickets)
{
	return HASH_COUNT(tickets->queues);
}

/* Looking */

static void append(struct look *look, const char *text)
{
	size_t size = strlen(text) + 1;

	memcpy(look->keys + look->size, text, size);
	look->size += size;
}

static void add_to_look(struct look *look, const struct key_waiters *queue)
{
	if (look->count == LOOK_MAX)
		return;
	look->count++;
	append(look, queue->key);
	append(look, queue->tickets->nonce);
}

/* Takes in what a look found of one key. */
static void learn(struct wait_queue *tickets, const char *key, const struct key_look *seen)
{
	struct key_waiters *queue = find_queue(tickets, key);

	if (!queue)
		return;
	plan_look(tickets, queue, seen);
	/* Handed over, or dropped: asking tells which, and mends it. */
	if (seen->rank < 0 && queue->tickets->state == QUEUED)
		ask(queue->tickets);
}

static void on_looked(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct look *look = call->ctx;
	struct wait_queue *tickets = look->tickets;
	struct key_look seen[LOOK_MAX];
	const char *at = look->keys;
	bool was_alive = true;

	(void)age_ms;
	if (status == 0)
		status = reply_looks(reply, &was_alive, seen, look->count);
	for (size_t i = 0; !tickets->closing && i < look->count; i++) {
		struct key_waiters *queue = find_queue(tickets, at);

		if (status == 0)
			learn(tickets, at, &seen[i]);
		else if (queue)
			look_in(tickets, queue, RETRY_MS);
		at += strlen(at) + 1; /* behind the key, */
		at += strlen(at) + 1; /* and the nonce */
	}
	/* It had dropped some, maybe all. */
	if (!was_alive && !tickets->closing)
		wait_queue_ask_again(tickets);
	free_look(look);
	drop_user(tickets);
}

static void start_look(struct look *look)
{
	struct wait_queue *tickets = look->tickets;
	struct script_call *call = script_call_new(tickets->calls, SCRIPT_HEARTBEAT, "");

	tickets->users++;
	if (!call) {
		free_look(look);
		drop_user(tickets);
		return;
	}
	script_call_add_bytes(call, look->keys, look->size);
	call->of_mount = true;
	call->done = on_looked;
	call->ctx = look;
	script_call_start(call);
}

/* NULL where there is no memory, and one is under way. */
static struct look *make_look(struct wait_queue *tickets)
{
	struct look *look = tickets->spare;

	tickets->spare = NULL;
	if (!look)
		look = malloc(sizeof(*look));
	if (look) {
		look->tickets = tickets;
		look->count = 0;
		look->size = 0;
	}
	return look;
}

static struct key_waiters *queue_of_look(struct heap_item *item)
{
	return (struct key_waiters *)((char *)item - offsetof(struct key_waiters, look));
}

/* Looks at keys whose time has come, as many as one look is about. False: there were none, or no memory for it. */
static bool look_at_due(struct wait_queue *tickets, int64_t now_ns)
{
	struct look *look = make_look(tickets);
	struct heap_item *first;

	while ((first = heap_first(&tickets->looks.heap)) && first->due <= now_ns) {
		struct key_waiters *queue = queue_of_look(first);

		if (look && look->count == LOOK_MAX)
			break;
		stop_looking(tickets, queue);
		if (look)
			add_to_look(look, queue);
		else
			look_in(tickets, queue, RETRY_MS);
	}
	if (look && look->count > 0) {
		start_look(look);
		return true;
	}
	free_look(look);
	return false;
}

static void on_due(struct deadlines *looks)
{
	struct wait_queue *tickets = (struct wait_queue *)((char *)looks - offsetof(struct wait_queue, looks));
	int64_t now_ns = boot_ns();

	while (look_at_due(tickets, now_ns))
		;
	deadlines_arm(looks);
}

static void give_up_late(struct wait_queue *tickets)
{
	int64_t now_ns = boot_ns();

	/* Answering one may end others, so each is taken from the front. */
	for (size_t count = tickets->lost_count; count > 0 && tickets->lost; count--) {
		struct ticket *ticket = tickets->lost;

		if (ticket->give_up_ns <= now_ns)
			take_back(ticket, -EHOSTDOWN);
		else
			change_state(ticket, LOST);
	}
}

/*
 * The word that this mount lives also asks about leases that end soon, as they may
 * have been renewed, and about other keys in turn: a lease may have been shortened,
 * or be that of somebody else by now, and a lock may have been deleted past lockfs.
 */
static void fill_beat(struct wait_queue *tickets, struct look *look)
{
	int64_t soon_ns = boot_ns() + 2 * BEAT_MS * NS_PER_MS;
	struct heap_item *soon[LOOK_MAX];
	size_t count = heap_due_before(&tickets->looks.heap, soon_ns, soon, LOOK_MAX);
	struct key_waiters *queue, *last = tickets->turn ? tickets->turn->prev : NULL;

	for (size_t i = 0; i < count; i++)
		add_to_look(look, queue_of_look(soon[i]));
	while (last && look->count < LOOK_MAX) {
		queue = tickets->turn;
		DL_DELETE(tickets->turn, queue);
		DL_APPEND(tickets->turn, queue);
		if (!queue->looks || queue->look.due >= soon_ns)
			add_to_look(look, queue);
		if (queue == last)
			break;
	}
}

static void beat(struct wait_queue *tickets)
{
	struct look *look = tickets->queues ? make_look(tickets) : NULL;

	tickets->ticks_left = BEAT_MS / TICK_MS;
	if (!look)
		return;
	fill_beat(tickets, look);
	start_look(look);
}

static void on_tick(uv_timer_t *timer)
{
	struct wait_queue *tickets = timer->data;

	give_up_late(tickets);
	/* What the server refused for a moment, over a connection that lasts. */
	if (script_calls_are_up(tickets->calls))
		ask_lost(tickets);
	if (!tickets->by_nonce) {
		uv_timer_stop(timer);
		tickets->ticks = false;
		return;
	}
	if (--tickets->ticks_left == 0)
		beat(tickets);
}

static void start_ticking(struct wait_queue *tickets)
{
	if (tickets->ticks)
		return;
	tickets->ticks = true;
	tickets->ticks_left = FIRST_BEAT_MS / TICK_MS;
	uv_timer_start(&tickets->tick, on_tick, TICK_MS, TICK_MS);
}

/* Opening and closing */

struct wait_queue *wait_queue_new(const struct backend_config *config, struct script_calls *calls,
                            const struct wait_queue_handlers *owner)
{
	struct wait_queue *tickets = calloc(1, sizeof(*tickets));

	if (tickets)
		tickets->spare = malloc(sizeof(*tickets->spare));
	if (!tickets || !tickets->spare || deadlines_init(&tickets->looks, config->loop, on_due) < 0) {
		if (tickets)
			free(tickets->spare);
		free(tickets);
		return NULL;
	}
	tickets->config = *config;
	tickets->calls = calls;
	tickets->owner = *owner;
	tickets->users = 2;
	uv_timer_init(config->loop, &tickets->tick);
	tickets->tick.data = tickets;
	return tickets;
}

static void on_closed(uv_handle_t *handle)
{
	drop_user(handle->data);
}

void wait_queue_close(struct wait_queue *tickets, void (*freed)(void *ctx), void *ctx)
{
	struct ticket *ticket, *next;

	tickets->closing = true;
	tickets->freed = freed;
	tickets->ctx = ctx;
	/* Nobody asks or cancels any more: the file side has ended. */
	HASH_ITER(hh, tickets->by_nonce, ticket, next)
		if (ticket->acquisition)
			take_back(ticket, -ESHUTDOWN);
	tickets->looks.poll.data = tickets;
	deadlines_close(&tickets->looks, on_closed);
	uv_close((uv_handle_t *)&tickets->tick, on_closed);
}
