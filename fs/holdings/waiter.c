/*
 * Starts, repeats and ends acquisitions that wait. Once the backend has granted the lock,
 * the grant counts, whatever else was about to end the waiter.
 */
#include "fs/holdings/waiter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/clock.h"
#include "backend/util/container_of.h"
#include "backend/util/heap.h"
#include "lockfs/duration.h"
#include "lockfs/event.h"
#include "lockfs/lock.h"

/* The alarm, set to the deadline or to the next attempt */

static void clear_alarm(struct waiter *waiter)
{
	if (waiter->timed)
		heap_remove(&waiter->waiters->due.heap, &waiter->alarm);
	waiter->timed = false;
}

/* Returns false if there is no memory. */
static bool set_alarm(struct waiter *waiter, int64_t due_ns)
{
	clear_alarm(waiter);
	waiter->timed = heap_insert(&waiter->waiters->due.heap, &waiter->alarm, due_ns) == 0;
	deadlines_arm(&waiter->waiters->due);
	return waiter->timed;
}

/* Polls shared with other waiters of the key */

static void leave_polled(struct waiter *waiter)
{
	if (!waiter->polled)
		return;
	polled_key_answered(waiter->polled, waiter);
	polled_key_leave(&waiter->waiters->polled_keys, waiter->polled);
	waiter->polled = NULL;
}

/* Has the refusal of another waiter answered this one, too? Each waiter makes its last attempt itself. */
static bool is_refused_already(const struct waiter *waiter)
{
	if (!waiter->polled || waiter->attempts + 1 == waiter->patience.attempts)
		return false;
	return polled_key_refuses(waiter->polled, &waiter->acquisition, waiter->waiters->min_interval_ms);
}

/* Ending */

static void finish(struct waiter *waiter, int status, const struct lock *lock)
{
	struct waiters *waiters = waiter->waiters;

	clear_alarm(waiter);
	DL_DELETE(waiters->all, waiter);
	leave_polled(waiter);
	if (patience_any(&waiter->patience))
		quota_give(&waiters->quota, waiter->acquisition.holder.uid, 1);
	pending_request_end(&waiter->pending);
	waiter->done(waiter->ctx, status, lock);
}

/* Ends the waiter, unless the backend has decided on its call already: then that decision counts. */
static void end(struct waiter *waiter, int status)
{
	if (waiter->ends)
		return;
	waiter->ends = true;
	waiter->end_status = status;
	if (waiter->asking)
		backend_cancel(waiter->waiters->backend, &waiter->acquisition);
	else
		finish(waiter, status, NULL);
}

static void on_end(struct pending_request *pending)
{
	end(container_of(pending, struct waiter, pending), pending->end_status);
}

void waiter_end_later(struct waiter *waiter, int status)
{
	pending_request_end_later(&waiter->pending, status);
}

void waiters_end_all(struct waiters *waiters, int status)
{
	struct waiter *waiter;

	DL_FOREACH(waiters->all, waiter)
		waiter_end_later(waiter, status);
	pending_requests_end_due(waiters->pending);
}

void waiters_refuse(struct waiters *waiters)
{
	waiters->refuses = true;
	waiters_end_all(waiters, -ESHUTDOWN);
}

/* Trying */

static int64_t interval_ms(const struct waiter *waiter)
{
	int64_t ms = waiter->patience.interval_ms ? waiter->patience.interval_ms : DEFAULT_INTERVAL_MS;

	return ms > waiter->waiters->min_interval_ms ? ms : waiter->waiters->min_interval_ms;
}

/* Was the attempt refused, and may the waiter make another? */
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

/* Did the waiter end because its time or its attempts were used up? */
static bool is_timeout(int end_status)
{
	return end_status == -ETIMEDOUT || end_status == -EEXIST;
}

static void on_acquired(void *ctx, int status, const struct lock *lock)
{
	struct waiter *waiter = ctx;

	waiter->asking = false;
	if (waiter->polled)
		polled_key_answered(waiter->polled, waiter);
	if (status == 0 && waiter->waiters->refuses && waiter->acquisition.bound) {
		backend_give_back(waiter->waiters->backend, waiter->acquisition.key, lock->token);
		finish(waiter, -ESHUTDOWN, NULL);
		return;
	}
	if (waiter->polled && status == -EBUSY && lock)
		polled_key_refuse(waiter->polled, lock);
	if (tries_again(waiter, status) && pause_between(waiter))
		return;
	/* A timeout counts as a failed attempt (UNAVAILABLE event); an interrupt does not. */
	if (status == -ECANCELED && is_timeout(waiter->end_status))
		backend_publish(waiter->waiters->backend, EVENT_UNAVAILABLE, waiter->acquisition.key, match_any());
	if (final_status(waiter, status) != status)
		lock = NULL; /* the final status is not about this lock */
	finish(waiter, final_status(waiter, status), lock);
}

static void try_once(struct waiter *waiter)
{
	waiter->asking = true;
	if (waiter->polled)
		polled_key_ask(waiter->polled, waiter);
	waiter->attempts++;
	backend_acquire(waiter->waiters->backend, &waiter->acquisition);
}

/* The pause between two attempts is over. */
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
			end(waiter, waiter->deadline_status);
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
	waiter->deadline_status = status;
}

/* Returns the time that all attempts take, with the pauses between them. */
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
	waiter->pending.on_end = on_end;
	waiter->acquisition.done = on_acquired;
	waiter->acquisition.ctx = waiter;
	DL_APPEND(waiters->all, waiter);
	if (!is_patient) {
		pending_request_begin_uninterruptible(waiters->pending, &waiter->pending, fuse);
		try_once(waiter);
		return;
	}
	plan_wait(waiter);
	if (!waiter->acquisition.waits)
		waiter->polled = polled_key_join(&waiters->polled_keys, waiter->acquisition.key);
	pending_request_begin(waiters->pending, &waiter->pending, fuse);
	if (waiter->acquisition.waits && waiter->deadline_ns && !set_alarm(waiter, waiter->deadline_ns))
		finish(waiter, -ENOMEM, NULL);
	else
		try_once(waiter);
}

int waiters_init(struct waiters *waiters, uv_loop_t *loop, struct pending_requests *pending)
{
	*waiters = (struct waiters){ .pending = pending };
	return deadlines_init(&waiters->due, loop, on_due);
}

void waiters_stop(struct waiters *waiters)
{
	struct waiter *waiter, *next;

	/* No waiter is added meanwhile, because no request is served any more. */
	DL_FOREACH_SAFE(waiters->all, waiter, next) {
		clear_alarm(waiter);
		if (!waiter->asking)
			finish(waiter, -ESHUTDOWN, NULL);
	}
	deadlines_close(&waiters->due, NULL);
}
