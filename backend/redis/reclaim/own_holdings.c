/* A table of the mount's own holdings by token, and a heap of their ends, by which those are forgotten that nobody released. */
#include "backend/redis/reclaim/own_holdings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/util/clock.h"
#include "backend/util/container_of.h"
#include "backend/util/hash.h"
#include "backend/util/heap.h"
#include "backend/util/quota.h"
#include "backend/util/text_copy.h"

struct entry_of_holding {
	struct own_holding holding;
	struct heap_item end;
	size_t counted; /* bytes taken from the quota of the holder, without the content */
	char *content;  /* that of holding.lock, or NULL */
	UT_hash_handle hh; /* by the token */
	char text[];
};

struct own_holdings {
	const struct backend_config *config;
	struct entry_of_holding *by_token;
	struct heap ends;
	struct quota quota;
};

static void on_full(void *ctx, const char *line)
{
	const struct own_holdings *holdings = ctx;
	char own_line[BACKEND_PROBLEM_MAX];

	(void)line;
	snprintf(own_line, sizeof(own_line), "user %u has so many locks that some of them would be lost with the data of the "
		"server: -o user_memory= allows more", (unsigned int)holdings->quota.noticed_uid);
	if (holdings->config->on_notice)
		holdings->config->on_notice(holdings->config->ctx, own_line);
}

struct own_holdings *own_holdings_new(const struct backend_config *config)
{
	struct own_holdings *holdings = calloc(1, sizeof(*holdings));

	if (!holdings)
		return NULL;
	holdings->config = config;
	holdings->quota = (struct quota){
		.most = config->user_memory,
		.self = geteuid(),
		.error = -ENOSPC,
		.what = "bytes of locks",
		.option = "user_memory",
		.on_full = on_full,
		.ctx = holdings,
	};
	return holdings;
}

static struct entry_of_holding *entry_of(struct own_holding *holding)
{
	return container_of(holding, struct entry_of_holding, holding);
}

/* Sets the content to these bytes of the heap, and counts them. */
static void own_content(struct own_holdings *holdings, struct entry_of_holding *entry, char *content, size_t size)
{
	struct lock *lock = &entry->holding.lock;

	if (entry->content)
		quota_give(&holdings->quota, lock->holder.uid, quota_bytes(lock->content_size));
	free(entry->content);
	entry->content = content;
	lock->content = content;
	lock->content_size = size;
}

static void discard(struct own_holdings *holdings, struct entry_of_holding *entry)
{
	HASH_DELETE(hh, holdings->by_token, entry);
	heap_remove(&holdings->ends, &entry->end);
	own_content(holdings, entry, NULL, 0);
	quota_give(&holdings->quota, entry->holding.lock.holder.uid, entry->counted);
	free(entry);
}

void own_holdings_free(struct own_holdings *holdings)
{
	if (!holdings)
		return;
	while (holdings->by_token)
		discard(holdings, holdings->by_token);
	heap_free(&holdings->ends);
	quota_free(&holdings->quota);
	free(holdings);
}

static int64_t end_of(const struct lock *lock)
{
	return lock->remaining_ms == LEASE_NEVER ? INT64_MAX : boot_ns() + lock->remaining_ms * NS_PER_MS;
}

static void forget_ended(struct own_holdings *holdings)
{
	int64_t now_ns = boot_ns();
	struct heap_item *first;

	while ((first = heap_first(&holdings->ends)) && first->due < now_ns)
		discard(holdings, container_of(first, struct entry_of_holding, end));
}

/* Returns a copy of the content of this length, zeros behind what there is, and counts it; NULL: no memory, or the limit. */
static char *take_content(struct own_holdings *holdings, const struct lock *lock, const char *content, size_t used, size_t size)
{
	char *copy;

	if (quota_take(&holdings->quota, lock->holder.uid, quota_bytes(size)) < 0)
		return NULL;
	copy = calloc(1, size);
	if (!copy)
		quota_give(&holdings->quota, lock->holder.uid, quota_bytes(size));
	else if (used)
		memcpy(copy, content, used);
	return copy;
}

/* Sets a copy of the content. Without memory for it the holding keeps what it had, as a lock without it would be restored empty. */
static void set_content(struct own_holdings *holdings, struct entry_of_holding *entry, const char *content, size_t size)
{
	char *copy = size ? take_content(holdings, &entry->holding.lock, content, size, size) : NULL;

	if (copy || size == 0)
		own_content(holdings, entry, copy, size);
}

static struct entry_of_holding *copy_of(const struct lock *lock)
{
	struct entry_of_holding *entry = calloc(1, sizeof(*entry) + text_size(lock->key) + holder_text_size(&lock->holder));
	char *cursor;

	if (!entry)
		return NULL;
	cursor = entry->text;
	entry->holding.lock = *lock;
	entry->holding.lock.key = copy_text(&cursor, lock->key);
	entry->holding.lock.holder = copy_holder(&cursor, &lock->holder);
	entry->holding.lock.first_key = NULL;
	entry->holding.lock.content = NULL;
	entry->holding.lock.content_size = 0;
	entry->counted = quota_bytes(sizeof(*entry) + (size_t)(cursor - entry->text));
	return entry;
}

static bool insert(struct own_holdings *holdings, struct entry_of_holding *entry)
{
	if (heap_insert(&holdings->ends, &entry->end, entry->holding.ends_ns) < 0)
		return false;
	HASH_ADD(hh, holdings->by_token, holding.lock.token, sizeof(uint64_t), entry);
	if (!entry->hh.tbl)
		heap_remove(&holdings->ends, &entry->end);
	return entry->hh.tbl;
}

void own_holdings_add(struct own_holdings *holdings, const struct lock *lock, const char *nonce, bool bound)
{
	struct entry_of_holding *entry;

	own_holdings_remove(holdings, lock->token);
	forget_ended(holdings);
	entry = copy_of(lock);
	if (!entry)
		return;
	if (quota_take(&holdings->quota, lock->holder.uid, entry->counted) < 0) {
		free(entry);
		return;
	}
	set_content(holdings, entry, lock->content, lock->content_size);
	snprintf(entry->holding.nonce, sizeof(entry->holding.nonce), "%s", nonce);
	entry->holding.bound = bound;
	entry->holding.ends_ns = end_of(lock);
	if (insert(holdings, entry))
		return;
	own_content(holdings, entry, NULL, 0);
	quota_give(&holdings->quota, lock->holder.uid, entry->counted);
	free(entry);
}

struct own_holding *own_holdings_find(struct own_holdings *holdings, uint64_t token)
{
	struct entry_of_holding *entry;

	HASH_FIND(hh, holdings->by_token, &token, sizeof(token), entry);
	return entry ? &entry->holding : NULL;
}

void own_holdings_update(struct own_holdings *holdings, const struct lock *lock)
{
	struct own_holding *holding = own_holdings_find(holdings, lock->token);

	if (!holding)
		return;
	holding->may_have_ended = false;
	holding->is_released = false;
	holding->lock.permissions = lock->permissions;
	holding->lock.ttl_ms = lock->ttl_ms;
	holding->lock.refreshed_ms = lock->refreshed_ms;
	holding->lock.modified_ms = lock->modified_ms;
	if (lock->mode == LOCK_EXCLUSIVE)
		set_content(holdings, entry_of(holding), lock->content, lock->content_size);
	holding->ends_ns = end_of(lock);
	heap_move(&holdings->ends, &entry_of(holding)->end, holding->ends_ns);
}

void own_holdings_write(struct own_holdings *holdings, uint64_t token, off_t offset, const void *data, size_t size)
{
	struct own_holding *holding = own_holdings_find(holdings, token);
	struct entry_of_holding *entry;
	size_t at, end;
	char *content;

	if (!holding || size == 0)
		return;
	entry = entry_of(holding);
	at = offset < 0 ? holding->lock.content_size : (size_t)offset;
	end = at + size > holding->lock.content_size ? at + size : holding->lock.content_size;
	if (end > LOCK_CONTENT_MAX)
		return;
	content = take_content(holdings, &holding->lock, entry->content, holding->lock.content_size, end);
	if (!content)
		return;
	memcpy(content + at, data, size);
	own_content(holdings, entry, content, end);
}

void own_holdings_doubt(struct own_holdings *holdings, const char *key, struct holding_match match)
{
	struct entry_of_holding *entry, *next;

	HASH_ITER(hh, holdings->by_token, entry, next)
		if (holding_matches(match, entry->holding.lock.token) && strcmp(entry->holding.lock.key, key) == 0)
			entry->holding.may_have_ended = true;
}

void own_holdings_remove(struct own_holdings *holdings, uint64_t token)
{
	struct own_holding *holding = own_holdings_find(holdings, token);

	if (holding)
		discard(holdings, entry_of(holding));
}

ssize_t own_holdings_tokens(struct own_holdings *holdings, uint64_t **ret)
{
	struct entry_of_holding *entry, *next;
	size_t count = 0;

	forget_ended(holdings);
	*ret = calloc(HASH_COUNT(holdings->by_token) + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	HASH_ITER(hh, holdings->by_token, entry, next)
		(*ret)[count++] = entry->holding.lock.token;
	return (ssize_t)count;
}
