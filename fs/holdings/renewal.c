#include "fs/holdings/renewal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/clock.h"
#include "fs/caller/signal_recipient.h"
#include "fs/util/log.h"
#include "fs/util/reserve.h"

/* A lease is renewed when this part of it has passed. */
#define RENEW_PART 3

/*
 * So much before its end by our clock a lease counts as over: the clocks may
 * drift apart by 2 ms in a second, far more than any do, and telling takes a moment,
 * or a tenth of a second where this daemon waits for a CPU among many others.
 */
#define MARGIN_MS 100
#define DRIFT_PART 500
#define MARGIN_PART_MAX 4

/* Between renewals that failed: a part of the lease within these bounds. */
#define RETRY_PART 20
#define RETRY_MIN_MS 10
#define RETRY_MAX_MS 1000

/* A lease whose renewals are more than its user may have is not renewed more often. */
#define UNCOUNTED_MS 1000

#define NO_DEADLINE INT64_MAX

struct keep {
	struct keeper *keeper;
	uint64_t token;
	int64_t ttl_ms;
	int64_t deadline_ns; /* CLOCK_BOOTTIME, from when it is lost; or NO_DEADLINE */
	int64_t renew_ns;    /* when it is renewed next */
	bool timed;
	struct heap_item due;
	bool ended;
	bool overrun;        /* lost by the clock alone: the backend may have it still */
	bool renewing;       /* a renewal is under way */
	unsigned int calls;  /* under way, that one among them */
	bool released;       /* the file has gone: it is released when none is */
	int signal;
	struct recipient *recipient; /* that the signal is sent to; NULL: none */
	uid_t uid;           /* of who acquired it: the signal is sent with this user's rights, and renewals count for it */
	size_t renewals;     /* a minute, that are counted; fewer than there are where that was refused */
	int64_t pause_ms;    /* before the next release, where one failed; 0: none did */
	backend_done *done;  /* of keep_release() */
	void *ctx;
	struct keep *prev, *next;
	struct lock_claim claim;
	char *key;           /* behind the id */
	char id[];
};

const struct lock_claim *keep_claim(const struct keep *keep)
{
	return &keep->claim;
}

bool keep_has_ended(const struct keep *keep)
{
	return keep->ended || boot_ns() >= keep->deadline_ns;
}

/* Renewals */

/* A minute; of the longest lease one, which is more than there are. */
static size_t renewals_of(int64_t ttl_ms)
{
	const int64_t minute_ms = 60000;

	if (ttl_ms == LEASE_NEVER)
		return 0;
	return (size_t)((minute_ms * RENEW_PART + ttl_ms - 1) / ttl_ms);
}

/* May this user have so many more? */
static int admits(struct keeper *keeper, uid_t uid, size_t more)
{
	int err = quota_take(&keeper->renewals, uid, more);

	if (err == 0)
		quota_give(&keeper->renewals, uid, more);
	return err;
}

int keeper_admits(struct keeper *keeper, uid_t uid, int64_t ttl_ms)
{
	return admits(keeper, uid, renewals_of(ttl_ms));
}

int keep_admits(struct keep *keep, int64_t ttl_ms)
{
	size_t renewals = renewals_of(ttl_ms);

	return renewals > keep->renewals ? admits(keep->keeper, keep->uid, renewals - keep->renewals) : 0;
}

static void uncount_renewals(struct keep *keep)
{
	quota_give(&keep->keeper->renewals, keep->uid, keep->renewals);
	keep->renewals = 0;
}

/* Returns 0, or what the quota says, and then as many are counted as before. */
static int count_renewals(struct keep *keep, int64_t ttl_ms)
{
	struct quota *quota = &keep->keeper->renewals;
	size_t renewals = renewals_of(ttl_ms);
	int err = renewals > keep->renewals ? quota_take(quota, keep->uid, renewals - keep->renewals) : 0;

	if (err < 0)
		return err;
	if (renewals < keep->renewals)
		quota_give(quota, keep->uid, keep->renewals - renewals);
	keep->renewals = renewals;
	return 0;
}

static void free_keep(struct keep *keep)
{
	uncount_renewals(keep);
	DL_DELETE(keep->keeper->all, keep);
	recipient_put(keep->recipient);
	free(keep);
}

/* When something is to be done about it */

static void clear_timer(struct keep *keep)
{
	if (keep->timed)
		heap_remove(&keep->keeper->due.heap, &keep->due);
	keep->timed = false;
}

static void set_timer(struct keep *keep)
{
	struct keeper *keeper = keep->keeper;
	int64_t due_ns = keep->renewing || keep->deadline_ns < keep->renew_ns ? keep->deadline_ns : keep->renew_ns;

	clear_timer(keep);
	if (due_ns == NO_DEADLINE)
		return;
	keep->timed = heap_insert(&keeper->due.heap, &keep->due, due_ns) == 0;
	if (!keep->timed)
		log_line(LOG_ERR, "no memory to renew %s: its lease will end", keep->key);
	deadlines_arm(&keeper->due);
}

static int64_t margin_ns(int64_t ttl_ms)
{
	int64_t margin = MARGIN_MS * NS_PER_MS + ttl_ms * NS_PER_MS / DRIFT_PART;
	int64_t most = ttl_ms * NS_PER_MS / MARGIN_PART_MAX;

	return margin < most ? margin : most;
}

void keep_adopt(struct keep *keep, const struct lock *lock)
{
	int64_t now_ns = boot_ns();

	if (keep->ended)
		return;
	keep->ttl_ms = lock->ttl_ms;
	if (lock->ttl_ms == LEASE_NEVER) {
		keep->deadline_ns = NO_DEADLINE;
		keep->renew_ns = NO_DEADLINE;
		uncount_renewals(keep);
	} else {
		int64_t end_ns = now_ns + lock->remaining_ms * NS_PER_MS;

		keep->deadline_ns = end_ns - margin_ns(lock->ttl_ms);
		keep->renew_ns = end_ns - lock->ttl_ms * NS_PER_MS / RENEW_PART * (RENEW_PART - 1);
		/* Whoever shortens a lease by another mount cannot be refused that here, and may lose the lock. */
		if (count_renewals(keep, lock->ttl_ms) < 0 && keep->renew_ns < now_ns + UNCOUNTED_MS * NS_PER_MS)
			keep->renew_ns = now_ns + UNCOUNTED_MS * NS_PER_MS;
	}
	set_timer(keep);
}

/* Ending */

void keep_stop(struct keep *keep)
{
	keep->ended = true;
	uncount_renewals(keep);
	clear_timer(keep);
}

void keep_lose(struct keep *keep)
{
	int err;

	if (keep->ended)
		return;
	keep_stop(keep);
	err = keep->recipient ? recipient_signal(keep->recipient, keep->uid, keep->signal) : 0;
	recipient_put(keep->recipient);
	keep->recipient = NULL;
	if (err < 0)
		log_line(LOG_WARNING, "cannot tell a process that it lost %s: %s", keep->key, strerror(-err));
}

/* Between releases that failed: twice as long each time, within the same bounds. */
static int64_t next_pause(int64_t ms)
{
	if (ms == 0)
		return RETRY_MIN_MS;
	return ms > RETRY_MAX_MS / 2 ? RETRY_MAX_MS : ms * 2;
}

static void answer_release(struct keep *keep, int status)
{
	backend_done *done = keep->done;

	keep->done = NULL;
	if (done)
		done(keep->ctx, status);
}

/* Does it say that the holding is not ours any more? Anything else may be better next time. */
static bool is_loss(int status)
{
	return status == -ENOENT || status == -EPERM || status == -EISDIR || status == -ENOTSUP;
}

/* May the backend still have it, though it was to be released? */
static bool is_left(const struct keep *keep, int status)
{
	return status < 0 && !is_loss(status) && keep->keeper->backend && boot_ns() < keep->deadline_ns;
}

/* Nobody waits for the answer any more, but others wait for the lock. */
static void on_released(void *ctx, int status)
{
	struct keep *keep = ctx;

	keep->calls--;
	answer_release(keep, status);
	if (!is_left(keep, status)) {
		free_keep(keep);
		return;
	}
	keep->pause_ms = next_pause(keep->pause_ms);
	keep->renew_ns = boot_ns() + keep->pause_ms * NS_PER_MS;
	set_timer(keep);
	if (!keep->timed)
		free_keep(keep);
}

/* Once nothing is under way any more, so that no renewal comes after the release. */
static void release_when_idle(struct keep *keep)
{
	if (!keep->released || keep->calls > 0)
		return;
	if (!keep->keeper->backend || (keep->ended && !keep->overrun)) {
		answer_release(keep, -ENOENT);
		free_keep(keep);
		return;
	}
	keep->calls++;
	backend_release(keep->keeper->backend, keep->key, &keep->claim, match_token(keep->token), on_released, keep);
}

static void on_given_back(void *ctx, int status)
{
	struct keep *keep = ctx;

	/* Where it failed, it ends by its lease. */
	(void)status;
	keep->calls--;
	release_when_idle(keep);
}

/* What is given up by our clock, the backend may have for longer, if a renewal reached it late. */
static void give_back(struct keep *keep)
{
	keep->overrun = true;
	keep->calls++;
	backend_release(keep->keeper->backend, keep->key, &keep->claim, match_token(keep->token), on_given_back, keep);
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
	struct keep *keep = ctx;
	struct keeper *keeper = keep->keeper;

	keep->calls--;
	keep->renewing = false;
	if (keep->released) {
		release_when_idle(keep);
	} else if (keep->ended) {
		if (status == 0)
			give_back(keep);
	} else if (status == 0) {
		keep_adopt(keep, lock);
	} else if (is_loss(status)) {
		keeper->lost(keeper->ctx, keep->key, keep->token);
		keep_lose(keep);
	} else {
		keep->renew_ns = boot_ns() + retry_ms(keep->ttl_ms) * NS_PER_MS;
		set_timer(keep);
	}
}

static void renew(struct keep *keep)
{
	keep->renewing = true;
	keep->calls++;
	set_timer(keep); /* the deadline does not wait for the answer */
	backend_refresh(keep->keeper->backend, keep->key, &keep->claim, match_token(keep->token), LEASE_UNSET, on_renewed,
		keep);
}

static struct keep *keep_of_due(struct heap_item *item)
{
	return (struct keep *)((char *)item - offsetof(struct keep, due));
}

static void on_due(struct deadlines *due)
{
	struct keeper *keeper = (struct keeper *)((char *)due - offsetof(struct keeper, due));
	struct heap_item *first;

	reserve_prepare(keeper->reserve);
	while ((first = heap_first(&due->heap)) && first->due <= boot_ns()) {
		struct keep *keep = keep_of_due(first);

		clear_timer(keep);
		if (keep->released) {
			release_when_idle(keep);
		} else if (keep_has_ended(keep)) {
			keeper->lost(keeper->ctx, keep->key, keep->token);
			keep_lose(keep);
			give_back(keep);
		} else {
			renew(keep);
		}
	}
	deadlines_arm(due);
}

/* Beginning and end */

int keep_new(struct keeper *keeper, const struct lock *lock, const char *id, int signal, struct recipient *recipient,
             struct keep **ret)
{
	size_t id_size = strlen(id) + 1;
	struct keep *keep = calloc(1, sizeof(*keep) + id_size + strlen(lock->key) + 1);
	int err;

	if (!keep)
		return -ENOMEM;
	keep->keeper = keeper;
	keep->token = lock->token;
	keep->signal = signal;
	keep->uid = lock->holder.uid;
	err = count_renewals(keep, lock->ttl_ms);
	if (err < 0) {
		free(keep);
		return err;
	}
	keep->recipient = recipient;
	stpcpy(keep->id, id);
	keep->claim = (struct lock_claim){ .id = keep->id };
	keep->key = keep->id + id_size;
	stpcpy(keep->key, lock->key);
	DL_APPEND(keeper->all, keep);
	keep_adopt(keep, lock);
	*ret = keep;
	return 0;
}

void keep_release(struct keep *keep, backend_done *done, void *ctx)
{
	clear_timer(keep);
	keep->done = done;
	keep->ctx = ctx;
	keep->released = true;
	release_when_idle(keep);
}

void keep_discard(struct keep *keep)
{
	clear_timer(keep);
	free_keep(keep);
}

int keeper_init(struct keeper *keeper, uv_loop_t *loop)
{
	*keeper = (struct keeper){ 0 };
	return deadlines_init(&keeper->due, loop, on_due);
}

size_t keeper_count(const struct keeper *keeper)
{
	const struct keep *keep;
	size_t count = 0;

	DL_FOREACH(keeper->all, keep)
		count += !keep->ended && !keep->released;
	return count;
}

static bool is_bound(const struct keep *keep)
{
	return !keep->ended && !keep->released;
}

bool keeper_has_bound(const struct keeper *keeper)
{
	const struct keep *keep;

	DL_FOREACH(keeper->all, keep)
		if (is_bound(keep))
			return true;
	return false;
}

bool keeper_is_releasing(const struct keeper *keeper)
{
	const struct keep *keep;

	DL_FOREACH(keeper->all, keep)
		if (keep->released)
			return true;
	return false;
}

/* Appends a key; false, and nothing is appended, if it does not fit. */
static bool append_key(char *text, size_t size, const char *separator, const char *key)
{
	size_t length = strlen(text);

	if (length + strlen(separator) + strlen(key) >= size)
		return false;
	stpcpy(stpcpy(text + length, separator), key);
	return true;
}

size_t keeper_print(const struct keeper *keeper, char text[KEEPER_TEXT_MAX])
{
	enum { KEYS_MAX = 5, ROOM_FOR_REST = 64 };
	const struct keep *keep;
	size_t count = 0;
	size_t shown = 0;

	DL_FOREACH(keeper->all, keep)
		count += is_bound(keep) || keep->released;
	*text = '\0';
	if (count == 0)
		return 0;
	snprintf(text, KEEPER_TEXT_MAX, count == 1 ? "1 lock" : "%zu locks", count);
	DL_FOREACH(keeper->all, keep) {
		if (!is_bound(keep) && !keep->released)
			continue;
		if (shown == KEYS_MAX ||
			!append_key(text, KEEPER_TEXT_MAX - ROOM_FOR_REST, shown ? ", " : ": ", keep->key))
			break;
		shown++;
	}
	if (shown > 0 && shown < count)
		snprintf(text + strlen(text), ROOM_FOR_REST, " and %zu more", count - shown);
	return count;
}

void keeper_stop(struct keeper *keeper)
{
	struct keep *keep, *next;

	keeper->backend = NULL;
	DL_FOREACH_SAFE(keeper->all, keep, next) {
		if (!keep->released)
			keep_lose(keep);
		else if (keep->calls == 0)
			free_keep(keep);
	}
	deadlines_close(&keeper->due, NULL);
}
