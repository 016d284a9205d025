#include "fs/holdings/waiter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/clock.h"
#include "backend/util/container_of.h"
#include "backend/util/hash.h"
#include "backend/util/heap.h"
#include "lockfs/duration.h"
#include "lockfs/event.h"
#include "lockfs/lock.h"

static void try_once(struct waiter *waiter);

/*
 * A key that waiters ask about again and again. What one of them was told is taken for
 * told to the others as well for the least interval, so that many cost no more than one.
 */
struct polled_key {
	unsigned int waiters;
	const struct waiter *asker; /* one whose question is under way, or NULL */
	int64_t refused_ns; /* when one was told last that another holds it, on CLOCK_BOOTTIME; 0: none was */
	struct lock_claim holder; /* who held it then; its texts are below */
	char id[LOCK_ID_MAX + 1];
	char identity[LOCK_IDENTITY_MAX + 1];
	UT_hash_handle hh;
	char key[];
};

/* The alarm: of the deadline, or of the next attempt */

static void clear_alarm(struct waiter *waiter)
{
	if (waiter->timed)
		heap_remove(&waiter->waiters->due.heap, &waiter->alarm);
	waiter->timed = false;
}

/* False where there is no memory for it. */
static bool set_alarm(struct waiter *waiter, int64_t due_ns)
{
	clear_alarm(waiter);
	waiter->timed = heap_insert(&waiter->waiters->due.heap, &waiter->alarm, due_ns) == 0;
	deadlines_arm(&waiter->waiters->due);
	return waiter->timed;
}

/* Sharing looks */

/* Without memory for it, the waiter asks by itself. */
static void join_polled(struct waiters *waiters, struct waiter *waiter)
{
	const char *key = waiter->acquisition.key;
	struct polled_key *polled;

	HASH_FIND_STR(waiters->polled, key, polled);
	if (!polled) {
		polled = calloc(1, sizeof(*polled) + strlen(key) + 1);
		if (!polled)
			return;
		stpcpy(polled->key, key);
		HASH_ADD_STR(waiters->polled, key, polled);
		if (!polled->hh.tbl) {
			free(polled);
			return;
		}
	}
	polled->waiters++;
	waiter->polled = polled;
}

static void leave_polled(struct waiter *waiter)
{
	struct polled_key *polled = waiter->polled;

	waiter->polled = NULL;
	if (!polled)
		return;
	if (polled->asker == waiter)
		polled->asker = NULL;
	if (--polled->waiters > 0)
		return;
	HASH_DELETE(hh, waiter->waiters->polled, polled);
	free(polled);
}

/* NULL where there is no text, or one of another client that is too long to be anybody's here. */
static const char *copy_short(char *copy, size_t size, const char *text)
{
	if (!text || strlen(text) >= size)
		return NULL;
	stpcpy(copy, text);
	return copy;
}

static void remember_refusal(struct polled_key *polled, const struct lock *lock)
{
	const struct lock_claim *claim = &lock->holder.claim;

	polled->refused_ns = boot_ns();
	polled->holder.id = copy_short(polled->id, sizeof(polled->id), claim->id);
	polled->holder.identity = copy_short(polled->identity, sizeof(polled->identity), claim->identity);
}

/* Is what another waiter was told also the answer to this one? The last attempt of each is its own. */
static bool is_refused_already(const struct waiter *waiter)
{
	const struct polled_key *polled = waiter->polled;
	const struct acquisition *acquisition = &waiter->acquisition;

	if (!polled || !polled->refused_ns || waiter->attempts + 1 == waiter->patience.attempts)
		return false;
	/* Where an answer takes long, the question that is under way is the one of this interval. */
	if (!polled->asker && boot_ns() - polled->refused_ns >= waiter->waiters->min_interval_ms * NS_PER_MS)
		return false;
	return acquisition->exclusive_even_for_me || !lock_claim_proves(&acquisition->holder.claim, &polled->holder);
}

/* Ending */

static void finish(struct waiter *waiter, int status, const struct lock *lock)
{
	struct waiters *waiters = waiter->waiters;

	clear_alarm(waiter);
	if (waiter->told)
		DL_DELETE2(waiters->to_end, waiter, told_prev, told_next);
	DL_DELETE(waiters->all, waiter);
	leave_polled(waiter);
	if (patience_any(&waiter->patience))
		quota_give(&waiters->quota, waiter->acquisition.holder.uid, 1);
	/* From here on libfuse does not call back, so that the memory may go. */
	if (waiter->interruptible)
		fuse_req_interrupt_func(waiter->fuse, NULL, NULL);
	waiter->done(waiter->ctx, status, lock);
}

/* Ends it unless the backend has decided already, which then counts. */
static void end(struct waiter *waiter, int status)
{
	waiter->ends = true;
	waiter->end_status = status;
	if (waiter->asking)
		backend_cancel(waiter->waiters->backend, &waiter->acquisition);
	else
		finish(waiter, status, NULL);
}

void waiter_end_later(struct waiter *waiter, int status)
{
	if (waiter->told || waiter->ends)
		return;
	waiter->told = true;
	waiter->end_status = status;
	DL_APPEND2(waiter->waiters->to_end, waiter, told_prev, told_next);
}

/* Called by libfuse while it holds the request, so nothing is done about it yet. */
static void on_interrupt(fuse_req_t fuse, void *data)
{
	(void)fuse;
	waiter_end_later(data, -EINTR);
}

void waiters_end_told(struct waiters *waiters)
{
	while (waiters->to_end) {
		struct waiter *waiter = waiters->to_end;

		DL_DELETE2(waiters->to_end, waiter, told_prev, told_next);
		waiter->told = false;
		end(waiter, waiter->end_status);
	}
}

void waiters_end_all(struct waiters *waiters, int status)
{
	struct waiter *waiter;

	DL_FOREACH(waiters->all, waiter)
		waiter_end_later(waiter, status);
	waiters_end_told(waiters);
}

void waiters_refuse(struct waiters *waiters)
{
	waiters->refuses = true;
	waiters_end_all(waiters, -ESHUTDOWN);
}

/* Before the loop sleeps again, whatever it was that told them: the backend, a timer. */
static void on_turn(uv_prepare_t *turn)
{
	waiters_end_told(turn->data);
}

/* Trying */

static int64_t interval_ms(const struct waiter *waiter)
{
	int64_t ms = waiter->patience.interval_ms ? waiter->patience.interval_ms : DEFAULT_INTERVAL_MS;

	return ms > waiter->waiters->min_interval_ms ? ms : waiter->waiters->min_interval_ms;
}

/* Was it refused, and may it try again? */
static bool tries_again(const struct waiter *waiter, int status)
{
	const struct patience *patience = &waiter->patience;

	return status == -EBUSY && !waiter->ends && !patience->waits && patience_any(patience) &&
		(patience->attempts == 0 || waiter->attempts < patience->attempts);
}

static int final_status(const struct waiter *waiter, int status)
{
	if (status == -ECANCELED)
		return waiter->end_status;
	if (status != -EBUSY || !patience_any(&waiter->patience))
		return status;
	if (waiter->ends)
		return waiter->end_status;
	return waiter->patience.waits && waiter->patience.wait_ms == 0 ? -ETIMEDOUT : -EEXIST;
}

static bool pause_between(struct waiter *waiter)
{
	int64_t due_ns = boot_ns() + interval_ms(waiter) * NS_PER_MS;

	if (waiter->deadline_ns && waiter->deadline_ns < due_ns)
		due_ns = waiter->deadline_ns;
	return set_alarm(waiter, due_ns);
}

static void on_acquired(void *ctx, int status, const struct lock *lock)
{
	struct waiter *waiter = ctx;

	waiter->asking = false;
	if (waiter->polled && waiter->polled->asker == waiter)
		waiter->polled->asker = NULL;
	if (status == 0 && waiter->waiters->refuses && waiter->acquisition.bound) {
		backend_give_back(waiter->waiters->backend, waiter->acquisition.key, lock->token);
		finish(waiter, -ESHUTDOWN, NULL);
		return;
	}
	if (waiter->polled && status == -EBUSY && lock)
		remember_refusal(waiter->polled, lock);
	if (tries_again(waiter, status) && pause_between(waiter))
		return;
	/* Who waited as long as it may has failed as one who did not wait; who was interrupted has not. */
	if (status == -ECANCELED && waiter->deadline_ns && waiter->end_status == waiter->late_status)
		backend_tell(waiter->waiters->backend, EVENT_UNAVAILABLE, waiter->acquisition.key, match_any());
	if (final_status(waiter, status) != status)
		lock = NULL; /* it is not what that is about */
	finish(waiter, final_status(waiter, status), lock);
}

static void try_once(struct waiter *waiter)
{
	waiter->asking = true;
	if (waiter->polled && !waiter->polled->asker)
		waiter->polled->asker = waiter;
	waiter->attempts++;
	backend_acquire(waiter->waiters->backend, &waiter->acquisition);
}

/* The pause is over. */
static void try_again(struct waiter *waiter)
{
	if (!is_refused_already(waiter)) {
		try_once(waiter);
		return;
	}
	waiter->attempts++;
	if (!pause_between(waiter))
		try_once(waiter);
}

static struct waiter *waiter_of_alarm(struct heap_item *item)
{
	return container_of(item, struct waiter, alarm);
}

static void on_due(struct deadlines *due)
{
	int64_t now_ns = boot_ns();
	struct heap_item *first;

	while ((first = heap_first(&due->heap)) && first->due <= now_ns) {
		struct waiter *waiter = waiter_of_alarm(first);

		clear_alarm(waiter);
		if (waiter->deadline_ns && waiter->deadline_ns <= now_ns)
			end(waiter, waiter->late_status);
		else
			try_again(waiter);
	}
	deadlines_arm(due);
}

/* Starting */

static void limit_wait(struct waiter *waiter, int64_t ms, int status)
{
	int64_t deadline_ns = boot_ns() + ms * NS_PER_MS;

	if (waiter->deadline_ns && waiter->deadline_ns <= deadline_ns)
		return;
	waiter->deadline_ns = deadline_ns;
	waiter->late_status = status;
}

/* How long all attempts that are left take. */
static int64_t attempts_ms(const struct waiter *waiter)
{
	int64_t pauses = waiter->patience.attempts - 1;
	int64_t ms = interval_ms(waiter);

	return pauses > LEASE_MAX_MS / ms ? LEASE_MAX_MS : pauses * ms;
}

static void plan_wait(struct waiter *waiter)
{
	const struct patience *patience = &waiter->patience;

	waiter->acquisition.waits = patience->waits && patience->wait_ms != 0 && patience->attempts != 1;
	waiter->acquisition.poll_ms = patience->interval_ms ? interval_ms(waiter) : 0;
	if (patience->waits && patience->wait_ms != WAIT_FOREVER)
		limit_wait(waiter, patience->wait_ms, -ETIMEDOUT);
	if (patience->waits && patience->attempts)
		limit_wait(waiter, attempts_ms(waiter), -EEXIST);
	if (waiter->waiters->limit_ms)
		limit_wait(waiter, waiter->waiters->limit_ms, -ETIMEDOUT);
}

void waiter_start(struct waiters *waiters, struct waiter *waiter, fuse_req_t fuse)
{
	bool is_patient = patience_any(&waiter->patience);
	int err = waiters->refuses ? -ESHUTDOWN : 0;

	if (err == 0 && is_patient)
		err = quota_take(&waiters->quota, waiter->acquisition.holder.uid, 1);
	if (err < 0) {
		waiter->done(waiter->ctx, err, NULL);
		return;
	}
	waiter->waiters = waiters;
	waiter->fuse = fuse;
	waiter->acquisition.done = on_acquired;
	waiter->acquisition.ctx = waiter;
	DL_APPEND(waiters->all, waiter);
	if (!is_patient) {
		try_once(waiter);
		return;
	}
	plan_wait(waiter);
	if (!waiter->acquisition.waits)
		join_polled(waiters, waiter);
	/* Before anybody else can find and end it; it may say at once that it is interrupted. */
	waiter->interruptible = true;
	fuse_req_interrupt_func(fuse, on_interrupt, waiter);
	if (waiter->acquisition.waits && waiter->deadline_ns && !set_alarm(waiter, waiter->deadline_ns))
		finish(waiter, -ENOMEM, NULL);
	else
		try_once(waiter);
}

int waiters_init(struct waiters *waiters, uv_loop_t *loop, int64_t limit_ms)
{
	int err;

	*waiters = (struct waiters){ .limit_ms = limit_ms };
	err = deadlines_init(&waiters->due, loop, on_due);
	if (err < 0)
		return err;
	uv_prepare_init(loop, &waiters->turn);
	waiters->turn.data = waiters;
	return uv_prepare_start(&waiters->turn, on_turn);
}

void waiters_stop(struct waiters *waiters)
{
	struct waiter *waiter, *next;

	/* None is added on the way, as nobody is served any more. */
	DL_FOREACH_SAFE(waiters->all, waiter, next) {
		clear_alarm(waiter);
		if (!waiter->asking)
			finish(waiter, -ESHUTDOWN, NULL);
	}
	deadlines_close(&waiters->due, NULL);
	uv_close((uv_handle_t *)&waiters->turn, NULL);
}
