/* A table of calls by thread and key. A retry is dropped after 60 s, or if its user has too many. */
#include "fs/names/stale_retry.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/clock.h"
#include "backend/util/hash.h"
#include "fs/names/node.h"

/* 60 s: the kernel repeats a call at once, but the LOOKUP before it waits for the backend. */
#define REPETITION_NS (60 * NS_PER_S)

/*
 * 1 s: the kernel repeats an OPEN within that time. The call may also have ended without a LOOKUP, as when its process
 * was killed; so later, a LOOKUP for a handle asks the backend, as it may belong to an exclusive creation by a thread of
 * the same number.
 */
#define AT_ONCE_NS (1 * NS_PER_S)

/* Most calls that are remembered of one user. The call answered first is forgotten first. */
#define USER_RETRIES_MAX 1024

/* Identifies a system call, as well as the daemon can. */
struct call_name {
	uint64_t thread; /* 64 bits wide, so that the struct has no padding and can be hashed */
	uint64_t key;    /* hash of the key */
};

/* The calls of one user, in the order in which they were answered. Freed with the last one. */
struct retrying_user {
	uid_t uid;
	size_t count;
	struct stale_retry *retries;
	UT_hash_handle hh;
};

struct stale_retry {
	struct call_name call;
	struct retrying_user *user;
	struct stale_retry *prev, *next; /* in the list of the user */
	int64_t answered_ns; /* CLOCK_BOOTTIME */
	fuse_ino_t found;    /* node that the LOOKUP after it returned; 0: no LOOKUP yet, or the name was free */
	bool repeated;       /* the repetition was answered, so the next LOOKUP belongs to another call */
	enum handle_wanted handle; /* what the LOOKUPs of the repetition must find */
	fuse_ino_t opened;   /* with `handle`: the node of the OPEN that was answered */
	bool looked_up;      /* with `handle`: a LOOKUP came since */
	char *link;          /* key of the symbolic link that was read, whose target the call names; else NULL */
	UT_hash_handle hh;
};

static struct stale_retry *find(const struct stale_retries *retries, pid_t thread, const char *key)
{
	struct call_name call = { .thread = (uint64_t)thread };
	struct stale_retry *retry;

	/* The usual case, which need not hash the key. */
	if (!retries->by_call)
		return NULL;
	call.key = path_inode(key);
	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): it reads what was just set, byte by byte */
	HASH_FIND(hh, retries->by_call, &call, sizeof(call), retry);
	return retry;
}

/* Returns NULL if there is no memory. */
static struct retrying_user *get_user(struct stale_retries *retries, uid_t uid)
{
	struct retrying_user *user;

	HASH_FIND(hh, retries->users, &uid, sizeof(uid), user);
	if (user)
		return user;
	user = calloc(1, sizeof(*user));
	if (!user)
		return NULL;
	user->uid = uid;
	HASH_ADD(hh, retries->users, uid, sizeof(user->uid), user);
	if (user->hh.tbl)
		return user;
	free(user);
	return NULL;
}

static void put_user(struct stale_retries *retries, struct retrying_user *user)
{
	if (user->count > 0)
		return;
	HASH_DELETE(hh, retries->users, user);
	free(user);
}

/* Accepts NULL. */
static void drop(struct stale_retries *retries, struct stale_retry *retry)
{
	struct retrying_user *user;

	if (!retry)
		return;
	user = retry->user;
	HASH_DELETE(hh, retries->by_call, retry);
	DL_DELETE(user->retries, retry);
	user->count--;
	put_user(retries, user);
	free(retry->link);
	free(retry);
}

static void drop_old(struct stale_retries *retries, int64_t now_ns)
{
	struct stale_retry *first;

	while ((first = retries->by_call) && now_ns - first->answered_ns > REPETITION_NS)
		drop(retries, first);
}

/* Returns NULL if there is no memory. */
static struct stale_retry *add_for(struct stale_retries *retries, struct retrying_user *user, pid_t thread, const char *key,
                                   int64_t now_ns)
{
	struct stale_retry *retry = calloc(1, sizeof(*retry));

	if (!retry)
		return NULL;
	retry->call = (struct call_name){ .thread = (uint64_t)thread, .key = path_inode(key) };
	retry->answered_ns = now_ns;
	retry->user = user;
	HASH_ADD(hh, retries->by_call, call, sizeof(retry->call), retry);
	if (!retry->hh.tbl) {
		free(retry);
		return NULL;
	}
	DL_APPEND(user->retries, retry);
	user->count++;
	return retry;
}

/* Remembers a call that is answered now. Returns NULL if there is no memory. */
static struct stale_retry *add(struct stale_retries *retries, const struct fuse_ctx *caller, const char *key, int64_t now_ns)
{
	struct retrying_user *user;
	struct stale_retry *retry;

	drop_old(retries, now_ns);
	user = get_user(retries, caller->uid);
	if (!user)
		return NULL;
	retry = add_for(retries, user, caller->pid, key, now_ns);
	if (!retry)
		put_user(retries, user);
	else if (user->count > USER_RETRIES_MAX)
		drop(retries, user->retries);
	return retry;
}

int stale_retry_or(struct stale_retries *retries, const struct fuse_ctx *caller, const char *key, fuse_ino_t number,
                   int otherwise)
{
	struct stale_retry *retry = find(retries, caller->pid, key);
	int64_t now_ns = boot_ns();

	if (retry && !retry->handle && retry->found == number && now_ns - retry->answered_ns <= REPETITION_NS) {
		retry->repeated = true;
		return otherwise;
	}
	drop(retries, retry);
	return add(retries, caller, key, now_ns) ? -ESTALE : otherwise;
}

void stale_retries_looked_up(struct stale_retries *retries, pid_t thread, const char *key, fuse_ino_t number)
{
	struct stale_retry *retry = find(retries, thread, key);

	if (retry && retry->repeated)
		drop(retries, retry);
	else if (retry)
		retry->found = number;
}

/* Is the OPEN of this node the repetition of the call? */
static bool is_repetition_of(const struct stale_retry *retry, fuse_ino_t number, int64_t now_ns)
{
	int64_t age_ns = now_ns - retry->answered_ns;

	if (retry->handle)
		return retry->opened == number && !retry->looked_up && age_ns <= AT_ONCE_NS;
	return retry->found == number && !retry->repeated && age_ns <= REPETITION_NS;
}

int stale_retry_for_handle(struct stale_retries *retries, const struct fuse_ctx *caller, const char *key, fuse_ino_t number,
                           bool exists)
{
	struct stale_retry *retry = find(retries, caller->pid, key);
	int64_t now_ns = boot_ns();
	bool is_repetition = caller->pid == 0 || (retry && is_repetition_of(retry, number, now_ns));

	drop(retries, retry);
	if (is_repetition)
		return 0;
	retry = add(retries, caller, key, now_ns);
	if (!retry)
		return -ENOMEM;
	retry->handle = exists ? HANDLE_WANTED : HANDLE_IF_EXISTS;
	retry->opened = number;
	return -ESTALE;
}

enum handle_wanted stale_retries_handle(struct stale_retries *retries, pid_t thread, const char *key)
{
	struct stale_retry *retry = find(retries, thread, key);
	int64_t age_ns = retry ? boot_ns() - retry->answered_ns : 0;

	if (!retry || !retry->handle || age_ns > REPETITION_NS)
		return HANDLE_NOT_WANTED;
	retry->looked_up = true;
	return age_ns > AT_ONCE_NS ? HANDLE_IF_EXISTS : retry->handle;
}

void stale_retries_got_handle(struct stale_retries *retries, pid_t thread, const char *key)
{
	struct stale_retry *retry = find(retries, thread, key);

	if (retry && retry->handle)
		drop(retries, retry);
}

int stale_retries_read_link(struct stale_retries *retries, const struct fuse_ctx *caller, const char *target, const char *link)
{
	char *copy = strdup(link);
	struct stale_retry *retry = NULL;

	drop(retries, find(retries, caller->pid, target));
	if (copy)
		retry = add(retries, caller, target, boot_ns());
	if (!retry) {
		free(copy);
		return -ENOMEM;
	}
	retry->link = copy;
	return 0;
}

const char *stale_retries_followed_link(const struct stale_retries *retries, pid_t thread, const char *target)
{
	const struct stale_retry *retry = find(retries, thread, target);

	return retry && boot_ns() - retry->answered_ns <= AT_ONCE_NS ? retry->link : NULL;
}

void stale_retries_free(struct stale_retries *retries)
{
	while (retries->by_call)
		drop(retries, retries->by_call);
}
