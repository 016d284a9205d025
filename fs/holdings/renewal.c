/*
 * Renews bound holdings, releases them, and declares them lost. renewal_release() waits
 * until no call is under way, so that no late refresh follows the release. A holding that
 * expired by our clock is released at once, and once more if a late refresh succeeds.
 */
#include "fs/holdings/renewal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/clock.h"
#include "backend/util/container_of.h"
#include "backend/util/heap.h"
#include "fs/caller/signal_recipient.h"
#include "fs/holdings/renewal_internal.h"
#include "fs/util/log.h"
#include "fs/util/reserve.h"
#include "lockfs/duration.h"
#include "lockfs/lock.h"

/*
 * A lease counts as over by our clock before the backend's clock ends it: 100 ms earlier,
 * because a busy machine may delay this daemon, and 1/500 of the lease earlier (2 ms a
 * second), because the two clocks drift apart. Both together are at most 1/4 of the lease.
 */
#define MARGIN_MS 100
#define DRIFT_PART 500
#define MARGIN_PART_MAX 4

/* Pause after a failed renewal: 1/20 of the lease, but at least 10 ms and at most 1 s. */
#define RETRY_PART 20
#define RETRY_MIN_MS 10
#define RETRY_MAX_MS 1000

/* 1 s: the shortest time between renewals that the quota of their user does not cover. */
#define UNCOUNTED_MS 1000


const struct lock_claim *renewal_claim(const struct renewal *renewal)
{
	return &renewal->claim;
}

bool renewal_has_ended(const struct renewal *renewal)
{
	return renewal->ended || boot_ns() >= renewal->deadline_ns;
}

static void free_renewal(struct renewal *renewal)
{
	renewal_quota_give(renewal);
	DL_DELETE(renewal->renewals->all, renewal);
	signal_recipient_put(renewal->recipient);
	free(renewal);
}

/* The timer of the next step */

static void clear_timer(struct renewal *renewal)
{
	if (renewal->timed)
		heap_remove(&renewal->renewals->due.heap, &renewal->due);
	renewal->timed = false;
}

static void set_timer(struct renewal *renewal)
{
	struct renewals *renewals = renewal->renewals;
	int64_t due_ns = renewal->renewing || renewal->deadline_ns < renewal->renew_ns ? renewal->deadline_ns : renewal->renew_ns;

	clear_timer(renewal);
	if (due_ns == NO_DEADLINE)
		return;
	renewal->timed = heap_insert(&renewals->due.heap, &renewal->due, due_ns) == 0;
	if (!renewal->timed)
		log_line(LOG_ERR, "no memory to renew %s: its lease will end", renewal->key);
	deadlines_arm(&renewals->due);
}

static int64_t margin_ns(int64_t ttl_ms)
{
	int64_t margin = MARGIN_MS * NS_PER_MS + ttl_ms * NS_PER_MS / DRIFT_PART;
	int64_t most = ttl_ms * NS_PER_MS / MARGIN_PART_MAX;

	return margin < most ? margin : most;
}

void renewal_adopt(struct renewal *renewal, const struct lock *lock)
{
	int64_t now_ns = boot_ns();

	if (renewal->ended)
		return;
	renewal->ttl_ms = lock->ttl_ms;
	if (lock->ttl_ms == LEASE_NEVER) {
		renewal->deadline_ns = NO_DEADLINE;
		renewal->renew_ns = NO_DEADLINE;
		renewal_quota_give(renewal);
	} else {
		int64_t end_ns = now_ns + lock->remaining_ms * NS_PER_MS;

		renewal->deadline_ns = end_ns - margin_ns(lock->ttl_ms);
		renewal->renew_ns = end_ns - lock->ttl_ms * NS_PER_MS / RENEW_PART * (RENEW_PART - 1);
		/* Another mount may have shortened the lease beyond the quota. That cannot be refused here; the lock may be lost. */
		if (renewal_quota_take(renewal, lock->ttl_ms) < 0 && renewal->renew_ns < now_ns + UNCOUNTED_MS * NS_PER_MS)
			renewal->renew_ns = now_ns + UNCOUNTED_MS * NS_PER_MS;
	}
	set_timer(renewal);
}

/* Ending */

void renewal_stop(struct renewal *renewal)
{
	renewal->ended = true;
	renewal_quota_give(renewal);
	clear_timer(renewal);
}

void renewal_lose(struct renewal *renewal)
{
	int err;

	if (renewal->ended)
		return;
	renewal_stop(renewal);
	err = renewal->recipient ? signal_recipient_signal(renewal->recipient, renewal->uid, renewal->signal) : 0;
	signal_recipient_put(renewal->recipient);
	renewal->recipient = NULL;
	if (err < 0)
		log_line(LOG_WARNING, "cannot tell a process that it lost %s: %s", renewal->key, strerror(-err));
}

/* The pause after a failed release doubles each time, from 10 ms to 1 s. */
static int64_t next_pause(int64_t ms)
{
	if (ms == 0)
		return RETRY_MIN_MS;
	return ms > RETRY_MAX_MS / 2 ? RETRY_MAX_MS : ms * 2;
}

static void answer_release(struct renewal *renewal, int status)
{
	backend_done *done = renewal->done;

	renewal->done = NULL;
	if (done)
		done(renewal->ctx, status);
}

/* Does this status of a call mean that we do not have the holding any more? After any other error the call is repeated. */
static bool is_loss(int status)
{
	return status == -ENOENT || status == -EPERM || status == -EISDIR || status == -ENOTSUP;
}

/* After a failed release, may the backend still have the holding? */
static bool may_be_held(const struct renewal *renewal, int status)
{
	return status < 0 && !is_loss(status) && renewal->renewals->backend && boot_ns() < renewal->deadline_ns;
}

/* A failed release is repeated although its caller was answered, because others may wait for the lock. */
static void on_released(void *ctx, int status)
{
	struct renewal *renewal = ctx;

	renewal->calls--;
	answer_release(renewal, status);
	if (!may_be_held(renewal, status)) {
		free_renewal(renewal);
		return;
	}
	renewal->pause_ms = next_pause(renewal->pause_ms);
	renewal->renew_ns = boot_ns() + renewal->pause_ms * NS_PER_MS;
	set_timer(renewal);
	if (!renewal->timed)
		free_renewal(renewal);
}

/* Releases the holding if no call is under way. Called again when a call was answered. */
static void release_when_idle(struct renewal *renewal)
{
	if (!renewal->released || renewal->calls > 0)
		return;
	if (!renewal->renewals->backend || (renewal->ended && !renewal->locally_expired)) {
		answer_release(renewal, -ENOENT);
		free_renewal(renewal);
		return;
	}
	renewal->calls++;
	backend_release(renewal->renewals->backend, renewal->key, &renewal->claim, match_token(renewal->token), on_released, renewal);
}

static void on_expired_released(void *ctx, int status)
{
	struct renewal *renewal = ctx;

	/* After an error the holding ends by its lease. */
	(void)status;
	renewal->calls--;
	release_when_idle(renewal);
}

/* The holding ended by our clock. If the last refresh reached the backend late, the lease is longer there: ends it. */
static void release_expired(struct renewal *renewal)
{
	renewal->locally_expired = true;
	renewal->calls++;
	backend_release(renewal->renewals->backend, renewal->key, &renewal->claim, match_token(renewal->token), on_expired_released, renewal);
}

/* Renewing */

static int64_t retry_ms(int64_t ttl_ms)
{
	int64_t ms = ttl_ms / RETRY_PART;

	if (ms < RETRY_MIN_MS)
		return RETRY_MIN_MS;
	return ms > RETRY_MAX_MS ? RETRY_MAX_MS : ms;
}

static void on_renewed(void *ctx, int status, const struct lock *lock)
{
	struct renewal *renewal = ctx;
	struct renewals *renewals = renewal->renewals;

	renewal->calls--;
	renewal->renewing = false;
	if (renewal->released) {
		release_when_idle(renewal);
	} else if (renewal->ended) {
		if (status == 0)
			release_expired(renewal);
	} else if (status == 0) {
		renewal_adopt(renewal, lock);
	} else if (is_loss(status)) {
		renewals->on_lost(renewals->ctx, renewal->key, renewal->token);
		renewal_lose(renewal);
	} else {
		renewal->renew_ns = boot_ns() + retry_ms(renewal->ttl_ms) * NS_PER_MS;
		set_timer(renewal);
	}
}

static void renew(struct renewal *renewal)
{
	renewal->renewing = true;
	renewal->calls++;
	set_timer(renewal); /* to the deadline, because the answer may come too late */
	backend_refresh(renewal->renewals->backend, renewal->key, &renewal->claim, match_token(renewal->token), LEASE_UNSET, on_renewed,
		renewal);
}

static struct renewal *renewal_of_due(struct heap_item *item)
{
	return container_of(item, struct renewal, due);
}

static void on_due(struct deadlines *due)
{
	struct renewals *renewals = container_of(due, struct renewals, due);
	struct heap_item *first;

	reserve_prepare(renewals->reserve);
	while ((first = heap_first(&due->heap)) && first->due <= boot_ns()) {
		struct renewal *renewal = renewal_of_due(first);

		clear_timer(renewal);
		if (renewal->released) {
			release_when_idle(renewal);
		} else if (renewal_has_ended(renewal)) {
			renewals->on_lost(renewals->ctx, renewal->key, renewal->token);
			renewal_lose(renewal);
			release_expired(renewal);
		} else {
			renew(renewal);
		}
	}
	deadlines_arm(due);
}

/* Beginning and end */

int renewal_new(struct renewals *renewals, const struct lock *lock, const char *id, int signal, struct signal_recipient *recipient,
                struct renewal **ret)
{
	size_t id_size = strlen(id) + 1;
	struct renewal *renewal = calloc(1, sizeof(*renewal) + id_size + strlen(lock->key) + 1);
	int err;

	if (!renewal)
		return -ENOMEM;
	renewal->renewals = renewals;
	renewal->token = lock->token;
	renewal->signal = signal;
	renewal->uid = lock->holder.uid;
	err = renewal_quota_take(renewal, lock->ttl_ms);
	if (err < 0) {
		free(renewal);
		return err;
	}
	renewal->recipient = recipient;
	stpcpy(renewal->id, id);
	renewal->claim = (struct lock_claim){ .id = renewal->id };
	renewal->key = renewal->id + id_size;
	stpcpy(renewal->key, lock->key);
	DL_APPEND(renewals->all, renewal);
	renewal_adopt(renewal, lock);
	*ret = renewal;
	return 0;
}

void renewal_release(struct renewal *renewal, backend_done *done, void *ctx)
{
	clear_timer(renewal);
	renewal->done = done;
	renewal->ctx = ctx;
	renewal->released = true;
	release_when_idle(renewal);
}

void renewal_discard(struct renewal *renewal)
{
	clear_timer(renewal);
	free_renewal(renewal);
}

int renewals_init(struct renewals *renewals, uv_loop_t *loop)
{
	*renewals = (struct renewals){ 0 };
	return deadlines_init(&renewals->due, loop, on_due);
}

size_t renewals_count(const struct renewals *renewals)
{
	const struct renewal *renewal;
	size_t count = 0;

	DL_FOREACH(renewals->all, renewal)
		count += renewal_is_bound(renewal);
	return count;
}

bool renewals_has_bound(const struct renewals *renewals)
{
	const struct renewal *renewal;

	DL_FOREACH(renewals->all, renewal)
		if (renewal_is_bound(renewal))
			return true;
	return false;
}

bool renewals_is_releasing(const struct renewals *renewals)
{
	const struct renewal *renewal;

	DL_FOREACH(renewals->all, renewal)
		if (renewal->released)
			return true;
	return false;
}

void renewals_stop(struct renewals *renewals)
{
	struct renewal *renewal, *next;

	renewals->backend = NULL;
	DL_FOREACH_SAFE(renewals->all, renewal, next) {
		if (!renewal->released)
			renewal_lose(renewal);
		else if (renewal->calls == 0)
			free_renewal(renewal);
	}
	deadlines_close(&renewals->due, NULL);
}
