#include "fs/names/stale_retry.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "backend/util/clock.h"
#include "backend/util/hash.h"
#include "fs/names/node.h"

/* A repetition comes at once, but the LOOKUP before it waits for the backend. */
#define REPETITION_NS (60 * NS_PER_S)

/* More calls than this are not remembered; those answered first go first. */
#define RETRIES_MAX 4096

/* A system call, as far as the daemon can tell it. */
struct call_name {
	uint64_t thread; /* without padding */
	uint64_t key;    /* a hash */
};

struct stale_retry {
	struct call_name call;
	int64_t answered_ns; /* CLOCK_BOOTTIME */
	fuse_ino_t found;    /* by the LOOKUP since; 0: none, or nothing */
	bool repeated;       /* its repetition was answered; another LOOKUP is of another call */
	UT_hash_handle hh;
};

static struct stale_retry *find(const struct stale_retries *retries, pid_t thread, const char *key)
{
	struct call_name call = { .thread = (uint64_t)thread, .key = path_inode(key) };
	struct stale_retry *retry;

	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): it reads what was just set, byte by byte */
	HASH_FIND(hh, retries->by_call, &call, sizeof(call), retry);
	return retry;
}

static void drop(struct stale_retries *retries, struct stale_retry *retry)
{
	HASH_DELETE(hh, retries->by_call, retry);
	free(retry);
}

static void drop_old(struct stale_retries *retries, int64_t now_ns)
{
	struct stale_retry *first;

	while ((first = retries->by_call) &&
		(now_ns - first->answered_ns > REPETITION_NS || HASH_COUNT(retries->by_call) >= RETRIES_MAX))
		drop(retries, first);
}

/* Returns 0 or -ENOMEM. */
static int add(struct stale_retries *retries, pid_t thread, const char *key, int64_t now_ns)
{
	struct stale_retry *retry = calloc(1, sizeof(*retry));

	if (!retry)
		return -ENOMEM;
	retry->call = (struct call_name){ .thread = (uint64_t)thread, .key = path_inode(key) };
	retry->answered_ns = now_ns;
	HASH_ADD(hh, retries->by_call, call, sizeof(retry->call), retry);
	if (retry->hh.tbl)
		return 0;
	free(retry);
	return -ENOMEM;
}

int stale_retry_or(struct stale_retries *retries, pid_t thread, const char *key, fuse_ino_t number, int otherwise)
{
	struct stale_retry *retry = find(retries, thread, key);
	int64_t now_ns = boot_ns();

	if (retry && retry->found == number && now_ns - retry->answered_ns <= REPETITION_NS) {
		retry->repeated = true;
		return otherwise;
	}
	if (retry)
		drop(retries, retry);
	drop_old(retries, now_ns);
	return add(retries, thread, key, now_ns) < 0 ? otherwise : -ESTALE;
}

void stale_retries_looked_up(struct stale_retries *retries, pid_t thread, const char *key, fuse_ino_t number)
{
	struct stale_retry *retry = retries->by_call ? find(retries, thread, key) : NULL;

	if (retry && retry->repeated)
		drop(retries, retry);
	else if (retry)
		retry->found = number;
}

void stale_retries_free(struct stale_retries *retries)
{
	while (retries->by_call)
		drop(retries, retries->by_call);
}
