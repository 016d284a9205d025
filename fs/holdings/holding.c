#include "fs/holdings/holding.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/clock.h"
#include "backend/util/container_of.h"
#include "backend/util/heap.h"
#include "fs/names/node.h"
#include "lockfs/duration.h"
#include "lockfs/lock.h"

/* When the backend could not say whether a watched holding is there, it is asked again so much later. */
#define RETRY_MS 500

struct holding {
	uint64_t token;
	uint64_t serial; /* of all holdings that there ever were here; a foreign lock's token comes again */
	bool ended;
	bool watched;
	bool has_recheck;
	struct heap_item recheck;
	struct file *files;
	struct holding *prev, *next; /* of the same token, the first is in the table; or of those that ended */
	UT_hash_handle hh;
	char key[];
};

/* A look at a watched holding that the backend was asked for. */
struct check {
	struct holdings *holdings;
	uint64_t token;
	uint64_t serial;
	char key[];
};

/* The first of this token, which is the only one unless it is foreign. */
static struct holding *find(const struct holdings *holdings, uint64_t token)
{
	struct holding *holding;

	HASH_FIND(hh, holdings->by_token, &token, sizeof(token), holding);
	return holding;
}

/* The holding of this token, if it is one of this key. */
static struct holding *find_of_key(const struct holdings *holdings, const char *key, uint64_t token)
{
	struct holding *holding;

	DL_FOREACH(find(holdings, token), holding)
		if (strcmp(holding->key, key) == 0)
			return holding;
	return NULL;
}

static int link_holding(struct holdings *holdings, struct holding *holding)
{
	struct holding *first = find(holdings, holding->token);

	if (first) {
		DL_APPEND(first, holding);
		return 0;
	}
	DL_APPEND(first, holding);
	HASH_ADD(hh, holdings->by_token, token, sizeof(holding->token), holding);
	return holding->hh.tbl ? 0 : -ENOMEM;
}

static void unlink_holding(struct holdings *holdings, struct holding *holding)
{
	struct holding *first = find(holdings, holding->token);

	if (first == holding)
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the table is there while a holding is in it */
		HASH_DELETE(hh, holdings->by_token, first);
	DL_DELETE(first, holding);
	if (first && first != find(holdings, holding->token))
		HASH_ADD(hh, holdings->by_token, token, sizeof(first->token), first);
}

static struct holding *find_or_make(struct holdings *holdings, const char *key, uint64_t token)
{
	struct holding *holding = find_of_key(holdings, key, token);

	if (holding)
		return holding;
	holding = calloc(1, sizeof(*holding) + strlen(key) + 1);
	if (!holding)
		return NULL;
	holding->token = token;
	holding->serial = ++holdings->last_serial;
	stpcpy(holding->key, key);
	if (link_holding(holdings, holding) < 0) {
		free(holding);
		return NULL;
	}
	return holding;
}

/* Watching */

static void cancel_recheck(struct holdings *holdings, struct holding *holding)
{
	if (holding->has_recheck)
		heap_remove(&holdings->rechecks.heap, &holding->recheck);
	holding->has_recheck = false;
}

static void recheck_in(struct holdings *holdings, struct holding *holding, int64_t ms)
{
	int64_t due_ns = boot_ns() + ms * NS_PER_MS;

	cancel_recheck(holdings, holding);
	holding->has_recheck = heap_insert(&holdings->rechecks.heap, &holding->recheck, due_ns) == 0;
	deadlines_arm(&holdings->rechecks);
}

/* The keep of a holding that is bound to one of its files, or NULL. */
static struct renewal *keep_of(const struct holding *holding)
{
	const struct file *file;

	DL_FOREACH(holding->files, file)
		if (file->renewal)
			return file->renewal;
	return NULL;
}

static void found(struct holdings *holdings, struct holding *holding, const struct lock *lock)
{
	struct renewal *renewal = keep_of(holding);

	if (renewal)
		renewal_adopt(renewal, lock);
	if (holding->watched && lock->remaining_ms != LEASE_NEVER)
		recheck_in(holdings, holding, lock->remaining_ms);
}

static void on_checked(void *ctx, int status, const struct entry *entry)
{
	struct check *check = ctx;
	struct holding *holding = find_of_key(check->holdings, check->key, check->token);

	if (holding && holding->serial == check->serial && !holding->ended && status != -ESHUTDOWN) {
		if (status < 0 && status != -ENOENT)
			recheck_in(check->holdings, holding, RETRY_MS);
		else if (!entry_is_holding(status, entry, check->token))
			holdings_end(check->holdings, check->key, check->token, true);
		else
			found(check->holdings, holding, &entry->lock);
	}
	free(check);
}

static void check_holding(struct holdings *holdings, struct holding *holding)
{
	struct check *check = calloc(1, sizeof(*check) + strlen(holding->key) + 1);

	if (!check) {
		recheck_in(holdings, holding, RETRY_MS);
		return;
	}
	check->holdings = holdings;
	check->token = holding->token;
	check->serial = holding->serial;
	stpcpy(check->key, holding->key);
	backend_read(holdings->backend, check->key, on_checked, check);
}

static void watch(struct holdings *holdings, struct holding *holding)
{
	if (!holding || holding->watched || holding->ended)
		return;
	holding->watched = true;
	if (holdings->watched++ == 0)
		event_interest_join(holdings->listening, LISTEN_EVENTS);
	check_holding(holdings, holding);
}

static void unwatch(struct holdings *holdings, struct holding *holding)
{
	cancel_recheck(holdings, holding);
	if (!holding->watched)
		return;
	holding->watched = false;
	if (--holdings->watched == 0)
		event_interest_leave(holdings->listening, LISTEN_EVENTS);
}

static struct holding *holding_of_recheck(struct heap_item *item)
{
	return container_of(item, struct holding, recheck);
}

static void on_recheck(struct deadlines *rechecks)
{
	struct holdings *holdings = container_of(rechecks, struct holdings, rechecks);
	int64_t now_ns = boot_ns();
	struct heap_item *first;

	while ((first = heap_first(&rechecks->heap)) && first->due <= now_ns) {
		struct holding *holding = holding_of_recheck(first);

		cancel_recheck(holdings, holding);
		check_holding(holdings, holding);
	}
	deadlines_arm(rechecks);
}

static bool is_relied_on(const struct holding *holding)
{
	return !holding->ended && (holding->watched || keep_of(holding));
}

void holdings_recheck(struct holdings *holdings, uint64_t token)
{
	struct holding *holding, *next;

	DL_FOREACH_SAFE(find(holdings, token), holding, next)
		if (is_relied_on(holding))
			check_holding(holdings, holding);
}

void holdings_recheck_all(struct holdings *holdings)
{
	struct holding *first, *next;

	HASH_ITER(hh, holdings->by_token, first, next)
		holdings_recheck(holdings, first->token);
}

int holdings_admit_lease(const struct holdings *holdings, const char *key, uint64_t token, int64_t ttl_ms)
{
	const struct holding *holding = find_of_key(holdings, key, token);
	struct renewal *renewal = holding ? keep_of(holding) : NULL;

	return renewal && ttl_ms != LEASE_UNSET ? renewal_admits(renewal, ttl_ms) : 0;
}

void holdings_adopt(struct holdings *holdings, const struct lock *lock)
{
	struct holding *holding = find_of_key(holdings, lock->key, lock->token);

	if (holding)
		found(holdings, holding, lock);
}

int holdings_init(struct holdings *holdings, uv_loop_t *loop)
{
	*holdings = (struct holdings){ 0 };
	return deadlines_init(&holdings->rechecks, loop, on_recheck);
}

void holdings_stop(struct holdings *holdings)
{
	struct holding *first, *next, *holding;

	HASH_ITER(hh, holdings->by_token, first, next)
		DL_FOREACH(first, holding)
			unwatch(holdings, holding);
	holdings->backend = NULL;
	deadlines_close(&holdings->rechecks, NULL);
}

void holdings_let_go(struct holdings *holdings)
{
	struct holding *holding, *next;
	struct file *file;

	/* Nothing is bound of a foreign token, which alone several holdings have. */
	HASH_ITER(hh, holdings->by_token, holding, next) {
		DL_FOREACH(holding->files, file) {
			struct renewal *renewal = file->renewal;

			file->renewal = NULL;
			if (renewal)
				renewal_release(renewal, NULL, NULL);
		}
	}
}

void holdings_free(struct holdings *holdings)
{
	while (holdings->by_token)
		file_close(holdings, holdings->by_token->files);
	while (holdings->ended)
		file_close(holdings, holdings->ended->files);
	while (holdings->handles)
		file_close(holdings, holdings->handles);
	quota_free(&holdings->quota);
}

/* Files */

int file_count(struct holdings *holdings, uid_t uid)
{
	return quota_take(&holdings->quota, uid, 1);
}

void file_uncount(struct holdings *holdings, uid_t uid)
{
	quota_give(&holdings->quota, uid, 1);
}

struct file *file_open(struct holdings *holdings, const char *key, uint64_t token, pid_t acquirer, uid_t uid)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->holding = find_or_make(holdings, key, token);
	if (!file->holding) {
		free(file);
		return NULL;
	}
	file->opened.ops = &lock_file_ops;
	file->acquirer = acquirer;
	file->uid = uid;
	DL_APPEND(file->holding->files, file);
	return file;
}

struct file *file_open_handle(struct holdings *holdings, uid_t uid)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->opened.ops = &lock_file_ops;
	file->uid = uid;
	DL_APPEND(holdings->handles, file);
	return file;
}

/* Was it taken out of the table, as its token may come again? */
static bool is_apart(const struct holding *holding)
{
	return holding->ended && token_is_foreign(holding->token);
}

static void leave_holding(struct holdings *holdings, struct file *file)
{
	struct holding *holding = file->holding;

	file->holding = NULL;
	if (!holding) {
		DL_DELETE(holdings->handles, file);
		return;
	}
	DL_DELETE(holding->files, file);
	if (holding->files)
		return;
	unwatch(holdings, holding);
	if (is_apart(holding))
		DL_DELETE(holdings->ended, holding);
	else
		unlink_holding(holdings, holding);
	free(holding);
}

void file_close(struct holdings *holdings, struct file *file)
{
	leave_holding(holdings, file);
	if (file->renewal)
		renewal_release(file->renewal, NULL, NULL);
	if (file->poll)
		fuse_pollhandle_destroy(file->poll);
	file_uncount(holdings, file->uid);
	free(file->id);
	free(file);
}

void file_discard(struct holdings *holdings, struct file *file)
{
	if (file->renewal)
		renewal_discard(file->renewal);
	file->renewal = NULL;
	file_close(holdings, file);
}

bool file_has_ended(const struct file *file)
{
	return (file->holding && file->holding->ended) || (file->renewal && renewal_has_ended(file->renewal));
}

uint64_t file_token(const struct file *file)
{
	return file->holding ? file->holding->token : 0;
}

int file_bind(struct holdings *holdings, struct file *file, const char *key, uint64_t token, struct renewal *renewal)
{
	struct holding *holding = find_or_make(holdings, key, token);

	if (!holding)
		return -ENOMEM;
	if (holding != file->holding) {
		leave_holding(holdings, file);
		file->holding = holding;
		DL_APPEND(holding->files, file);
	}
	file->renewal = renewal;
	file->may_write = true;
	if (file->poll)
		watch(holdings, holding);
	return 0;
}

void file_unbind(struct holdings *holdings, struct file *file)
{
	leave_holding(holdings, file);
	DL_APPEND(holdings->handles, file);
	file->renewal = NULL;
	file->may_write = false;
}

static void keep_poll(struct file *file, struct fuse_pollhandle *handle)
{
	if (file->poll)
		fuse_pollhandle_destroy(file->poll);
	file->poll = handle;
}

unsigned int file_poll(struct holdings *holdings, struct file *file, struct fuse_pollhandle *handle)
{
	if (handle) {
		keep_poll(file, handle);
		watch(holdings, file->holding);
	}
	if (file_has_ended(file))
		return POLLERR | POLLHUP;
	/* As of any regular file. */
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

void holdings_doubt(struct holdings *holdings, const char *key, uint64_t token)
{
	struct holding *holding = find_of_key(holdings, key, token);

	if (holding && holding->watched && !holding->ended && !keep_of(holding))
		recheck_in(holdings, holding, 0);
}

/*
 * The next lock of this key and token is another holding, of other files and nodes. What is open
 * stays ended, also where it is asked for by the node alone, as fgetxattr(2) does.
 */
static void set_apart(struct holdings *holdings, struct holding *holding)
{
	const struct file *file;

	DL_FOREACH(holding->files, file) {
		struct node *node = node_find(holdings->nodes, file->node);

		if (node)
			node_end(holdings->nodes, node, holding->token);
	}
	unlink_holding(holdings, holding);
	DL_APPEND(holdings->ended, holding);
}

void holdings_end(struct holdings *holdings, const char *key, uint64_t token, bool taken)
{
	struct holding *holding = find_of_key(holdings, key, token);
	struct file *file;

	if (!holding)
		return;
	holding->ended = true;
	unwatch(holdings, holding);
	if (is_apart(holding))
		set_apart(holdings, holding);
	DL_FOREACH(holding->files, file) {
		if (file->renewal && taken)
			renewal_lose(file->renewal);
		else if (file->renewal)
			renewal_stop(file->renewal);
		if (!file->poll)
			continue;
		/* Takes no lock in the kernel that a request could hold, so it needs no thread of its own. */
		fuse_lowlevel_notify_poll(file->poll);
		keep_poll(file, NULL);
	}
}

bool holdings_acquired_by(const struct holdings *holdings, uint64_t token, pid_t process)
{
	const struct holding *holding = find(holdings, token);
	const struct file *file;

	if (!holding || process == 0)
		return false;
	DL_FOREACH(holding->files, file)
		if (file->acquirer == process)
			return true;
	return false;
}

const char *file_proof(const struct file *file)
{
	if (file->renewal)
		return renewal_claim(file->renewal)->id;
	return file->acquired && file->acquired == file_token(file) ? file->id : NULL;
}

const char *holdings_proof(const struct holdings *holdings, uint64_t token, fuse_ino_t number, bool created)
{
	const struct holding *holding = token ? find(holdings, token) : NULL;
	const struct file *file;

	if (!holding)
		return NULL;
	DL_FOREACH(holding->files, file)
		if (file->node == number && (file->id || !created) && file_proof(file))
			return file_proof(file);
	return NULL;
}

bool holdings_has_ended(const struct holdings *holdings, const char *key, uint64_t token)
{
	const struct holding *holding = find_of_key(holdings, key, token);
	const struct renewal *renewal = holding ? keep_of(holding) : NULL;

	return holding && (holding->ended || (renewal && renewal_has_ended(renewal)));
}

size_t holdings_count(const struct holdings *holdings)
{
	const struct holding *first, *holding;
	size_t count = 0;

	for (first = holdings->by_token; first; first = first->hh.next)
		DL_FOREACH(first, holding)
			count += !holding->ended;
	return count;
}
