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
#include "fs/caller/signal_recipient.h"
#include "fs/holdings/holding_internal.h"
#include "fs/util/log.h"
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

static void free_renewal(struct renewal *renewal)
{
	struct holding *holding = renewal->holding;

	renewal_quota_give(renewal);
	DL_DELETE(holding->holdings->renewals, renewal);
	signal_recipient_put(renewal->recipient);
	free(renewal);
	holding->renewal = NULL;
	(void)holding_set_timer(holding); /* a timer that is set already needs no memory */
	if (holding_is_closed(holding))
		free(holding);
}

/* The next step */

int64_t renewal_due_ns(const struct renewal *renewal)
{
	int64_t deadline_ns = renewal->holding->deadline_ns;

	if (renewal->released ? renewal->calls > 0 : renewal->holding->state != HOLDING_HELD)
		return NEVER;
	return renewal->renewing || deadline_ns < renewal->renew_ns ? deadline_ns : renewal->renew_ns;
}

static int set_timer(struct renewal *renewal)
{
	int err = holding_set_timer(renewal->holding);

	if (err < 0)
		log_line(LOG_ERR, "no memory to renew %s: its lease will end", renewal->holding->key);
	return err;
}

static int64_t margin_ns(int64_t ttl_ms)
{
	int64_t margin = MARGIN_MS * NS_PER_MS + ttl_ms * NS_PER_MS / DRIFT_PART;
	int64_t most = ttl_ms * NS_PER_MS / MARGIN_PART_MAX;

	return margin < most ? margin : most;
}

void renewal_adopt(struct renewal *renewal, const struct lock *lock)
{
	struct holding *holding = renewal->holding;
	int64_t now_ns = boot_ns();

	if (holding->state != HOLDING_HELD)
		return;
	renewal->ttl_ms = lock->ttl_ms;
	if (lock->ttl_ms == LEASE_NEVER) {
		holding->deadline_ns = NEVER;
		renewal->renew_ns = NEVER;
		renewal_quota_give(renewal);
	} else {
		int64_t end_ns = now_ns + lock->remaining_ms * NS_PER_MS;

		holding->deadline_ns = end_ns - margin_ns(lock->ttl_ms);
		renewal->renew_ns = end_ns - lock->ttl_ms * NS_PER_MS / RENEW_PART * (RENEW_PART - 1);
		/* Another mount may have shortened the lease beyond the quota. That cannot be refused here; the lock may be lost. */
		if (renewal_quota_take(renewal, lock->ttl_ms) < 0 && renewal->renew_ns < now_ns + UNCOUNTED_MS * NS_PER_MS)
			renewal->renew_ns = now_ns + UNCOUNTED_MS * NS_PER_MS;
	}
	(void)set_timer(renewal);
}

/* Ending */

static void signal_loss(struct renewal *renewal)
{
	int err = renewal->recipient ? signal_recipient_signal(renewal->recipient, renewal->uid, renewal->signal) : 0;

	signal_recipient_put(renewal->recipient);
	renewal->recipient = NULL;
	if (err < 0)
		log_line(LOG_WARNING, "cannot tell a process that it lost %s: %s", renewal->holding->key, strerror(-err));
}

void renewal_end(struct renewal *renewal, bool taken)
{
	renewal_quota_give(renewal);
	(void)holding_set_timer(renewal->holding); /* needs no memory, as no renewal follows */
	if (taken)
		signal_loss(renewal);
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
	return status < 0 && !is_loss(status) && renewal->holding->holdings->backend && boot_ns() < renewal->holding->deadline_ns;
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
	if (set_timer(renewal) < 0)
		free_renewal(renewal);
}

static void call_release(struct renewal *renewal, backend_done *done)
{
	const struct holding *holding = renewal->holding;

	renewal->calls++;
	(void)holding_set_timer(renewal->holding); /* nothing is due while this call is under way, so this needs no memory */
	backend_release(holding->holdings->backend, holding->key, &renewal->claim, match_token(holding->token), done, renewal);
}

/* Releases the holding if no call is under way. Called again when a call was answered. */
static void release_when_idle(struct renewal *renewal)
{
	if (!renewal->released || renewal->calls > 0)
		return;
	if (!renewal->holding->holdings->backend || renewal->holding->state == HOLDING_ENDED) {
		answer_release(renewal, -ENOENT);
		free_renewal(renewal);
		return;
	}
	call_release(renewal, on_released);
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
	renewal->holding->state = HOLDING_EXPIRED;
	call_release(renewal, on_expired_released);
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

	renewal->calls--;
	renewal->renewing = false;
	if (renewal->released) {
		release_when_idle(renewal);
	} else if (renewal->holding->state != HOLDING_HELD) {
		if (status == 0)
			release_expired(renewal);
	} else if (renewal->renewing_token != renewal->holding->token) {
		(void)set_timer(renewal); /* the holding was converted meanwhile, which began a new lease */
	} else if (status == 0) {
		renewal_adopt(renewal, lock);
	} else if (is_loss(status)) {
		holding_end(renewal->holding, HOLDING_ENDED, true);
	} else {
		renewal->renew_ns = boot_ns() + retry_ms(renewal->ttl_ms) * NS_PER_MS;
		(void)set_timer(renewal);
	}
}

static void renew(struct renewal *renewal)
{
	const struct holding *holding = renewal->holding;

	renewal->renewing = true;
	renewal->renewing_token = holding->token;
	renewal->calls++;
	(void)set_timer(renewal); /* to the deadline, because the answer may come too late */
	backend_refresh(holding->holdings->backend, holding->key, &renewal->claim, match_token(holding->token), LEASE_UNSET,
		TIME_UNSET, on_renewed, renewal);
}

void renewal_step(struct renewal *renewal)
{
	if (renewal->released) {
		release_when_idle(renewal);
	} else if (holding_has_ended(renewal->holding)) {
		holding_end(renewal->holding, HOLDING_EXPIRED, true);
		release_expired(renewal);
	} else {
		renew(renewal);
	}
}

/* Beginning and end */

int renewal_new(struct holding *holding, const struct lock *lock, const char *id, int signal, struct signal_recipient *recipient)
{
	struct renewal *renewal;
	int err;

	if (holding->renewal || holding->state != HOLDING_HELD)
		return -EIO;
	renewal = calloc(1, sizeof(*renewal) + strlen(id) + 1);
	if (!renewal)
		return -ENOMEM;
	renewal->holding = holding;
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
	DL_APPEND(holding->holdings->renewals, renewal);
	holding->renewal = renewal;
	renewal_adopt(renewal, lock);
	return 0;
}

void renewal_move(struct renewal *renewal, struct holding *to, const struct lock *lock)
{
	struct holding *from = renewal->holding;

	from->renewal = NULL;
	(void)holding_set_timer(from); /* nothing is due any more, so it cannot fail */
	renewal->holding = to;
	to->renewal = renewal;
	renewal_adopt(renewal, lock);
}

void renewal_release(struct renewal *renewal, backend_done *done, void *ctx)
{
	renewal->done = done;
	renewal->ctx = ctx;
	renewal->released = true;
	if (renewal->calls > 0)
		(void)holding_set_timer(renewal->holding); /* nothing is due before the call under way is answered */
	else
		release_when_idle(renewal);
}

void renewal_discard(struct renewal *renewal)
{
	free_renewal(renewal);
}

size_t renewals_count(const struct holdings *holdings)
{
	const struct renewal *renewal;
	size_t count = 0;

	DL_FOREACH(holdings->renewals, renewal)
		count += renewal_is_bound(renewal);
	return count;
}

bool renewals_has_bound(const struct holdings *holdings)
{
	const struct renewal *renewal;

	DL_FOREACH(holdings->renewals, renewal)
		if (renewal_is_bound(renewal))
			return true;
	return false;
}

bool renewals_is_releasing(const struct holdings *holdings)
{
	const struct renewal *renewal;

	DL_FOREACH(holdings->renewals, renewal)
		if (renewal->released)
			return true;
	return false;
}

void renewals_stop(struct holdings *holdings)
{
	struct renewal *renewal, *next;

	DL_FOREACH_SAFE(holdings->renewals, renewal, next) {
		if (!renewal->released)
			holding_end(renewal->holding, HOLDING_ENDED, true);
		else if (renewal->calls == 0)
			free_renewal(renewal);
	}
}
