/* The table of fcntl(2) locks by owner and key, and what an open file contributes to them. */
#include "fs/holdings/posix_lock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/hash.h"
#include "fs/holdings/lock_file.h"
#include "fs/holdings/renewal.h"

static size_t owner_size(const char *key)
{
	return sizeof(struct posix_owner) + strlen(key);
}

/* The table */

/* Lets no request find the lock any more; it ends with its open files. */
static void hide(struct posix_lock *lock)
{
	if (lock->found)
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the table is there while a lock is in it */
		HASH_DELETE(hh, *lock->locks, lock);
	lock->found = false;
}

static void free_if_unused(struct posix_lock *lock)
{
	if (lock->uses || lock->requests)
		return;
	hide(lock);
	free(lock);
}

/* The lock of an owner through this open file, or NULL. */
static struct posix_lock *find_in_file(const struct lock_file *file, uint64_t owner)
{
	const struct posix_use *use;

	DL_FOREACH2(file->posix_uses, use, file_next)
		if (use->lock->owner.number == owner)
			return use->lock;
	return NULL;
}

bool posix_locks_have(const struct posix_lock *locks, const char *key)
{
	for (const struct posix_lock *lock = locks; lock; lock = lock->hh.next)
		if (strcmp(lock->owner.key, key) == 0)
			return true;
	return false;
}

struct posix_lock *posix_lock_find(struct posix_lock *locks, uint64_t owner, const char *key, const struct lock_file *file,
                                   pid_t process)
{
	struct posix_lock *lock = find_in_file(file, owner);
	size_t size = owner_size(key);
	struct {
		uint64_t number;
		char key[LOCK_KEY_MAX + 1];
	} wanted = { .number = owner };

	if (lock)
		return lock;
	stpcpy(wanted.key, key);
	HASH_FIND(hh, locks, &wanted, size, lock);
	if (!lock || !lock->process.pid)
		return lock;
	/* A file that does not tell of its closing may have left the number to another process. */
	if (!process_lives(&lock->process)) {
		hide(lock);
		return NULL;
	}
	return lock->process.pid == process ? lock : NULL;
}

static struct posix_lock *make(struct posix_lock **locks, uint64_t owner, const char *key)
{
	struct posix_lock *lock = calloc(1, sizeof(*lock) + strlen(key) + 1);

	if (!lock)
		return NULL;
	lock->locks = locks;
	lock->owner.number = owner;
	stpcpy(lock->owner.key, key);
	HASH_ADD(hh, *locks, owner, owner_size(key), lock);
	lock->found = lock->hh.tbl;
	if (lock->found)
		return lock;
	free(lock);
	return NULL;
}

/* Files */

static struct posix_use *use_of(const struct posix_lock *lock, const struct lock_file *file)
{
	struct posix_use *use;

	DL_FOREACH(lock->uses, use)
		if (use->file == file)
			return use;
	return NULL;
}

static void remove_use(struct posix_use *use)
{
	struct posix_lock *lock = use->lock;

	DL_DELETE(lock->uses, use);
	DL_DELETE2(use->file->posix_uses, use, file_prev, file_next);
	free(use);
	if (lock->uses)
		return;
	lock->exclusive.count = 0;
	lock->shared.count = 0;
	lock->process.pid = 0;
}

static enum lock_mode mode_of(const struct posix_lock *lock)
{
	return lock->exclusive.count > 0 ? LOCK_EXCLUSIVE : LOCK_SHARED;
}

const struct posix_lock *posix_lock_against(const struct lock_file *file, uint64_t owner, enum lock_mode mode)
{
	const struct holding_member *member;
	const struct posix_use *use;

	DL_FOREACH(holding_siblings(&file->member), member)
		DL_FOREACH2(lock_file_of_member(member)->posix_uses, use, file_next)
			if (use->lock->owner.number != owner && (mode == LOCK_EXCLUSIVE || mode_of(use->lock) == LOCK_EXCLUSIVE))
				return use->lock;
	return NULL;
}

/* Does what has locked `other` by flock(2) exclude a call on `file`? */
static bool flock_excludes(const struct lock_file *other, const struct lock_file *file, const struct posix_lock *own,
                           enum lock_mode mode)
{
	if (other == file || (own && use_of(own, other)))
		return false;
	return other->flock_upgrades || (other->flocked && (mode == LOCK_EXCLUSIVE || other->flock_mode == LOCK_EXCLUSIVE));
}

/* Does this lock of fcntl(2) exclude a call on `file`? */
static bool lock_excludes(const struct posix_lock *lock, const struct lock_file *file, const struct posix_lock *own,
                          enum lock_mode mode)
{
	if (lock == own || (!own && use_of(lock, file)))
		return false;
	return mode == LOCK_EXCLUSIVE || mode_of(lock) == LOCK_EXCLUSIVE;
}

bool posix_lock_excludes(const struct lock_file *file, const struct posix_lock *own, enum lock_mode mode)
{
	const struct holding_member *member;
	const struct posix_use *use;

	DL_FOREACH(holding_siblings(&file->member), member) {
		const struct lock_file *other = lock_file_of_member(member);

		if (flock_excludes(other, file, own, mode) || (own && other->upgrading && other->upgrading != own))
			return true;
		DL_FOREACH2(other->posix_uses, use, file_next)
			if (lock_excludes(use->lock, file, own, mode))
				return true;
	}
	return false;
}

enum lock_mode posix_lock_needed_mode(const struct lock_file *file, const struct posix_lock *but, bool without_flock)
{
	const struct holding_member *member;
	const struct posix_use *use;

	DL_FOREACH(holding_siblings(&file->member), member) {
		const struct lock_file *other = lock_file_of_member(member);

		if (other->flocked && other->flock_mode == LOCK_EXCLUSIVE && !(without_flock && other == file))
			return LOCK_EXCLUSIVE;
		DL_FOREACH2(other->posix_uses, use, file_next)
			if (use->lock != but && mode_of(use->lock) == LOCK_EXCLUSIVE)
				return LOCK_EXCLUSIVE;
	}
	return LOCK_SHARED;
}

void posix_locks_drop_dead(struct lock_file *file)
{
	struct posix_use *use, *next;

	DL_FOREACH_SAFE2(file->posix_uses, use, next, file_next) {
		struct posix_lock *lock = use->lock;

		if (!lock->process.pid || process_lives(&lock->process))
			continue;
		remove_use(use);
		free_if_unused(lock);
	}
}

/* Locking */

/* Forgets a lock whose holding has ended: its owner acquires anew. */
static void drop_ended(struct posix_lock *lock)
{
	struct posix_use *use, *next;

	DL_FOREACH_SAFE(lock->uses, use, next) {
		struct lock_file *file = use->file;

		if (!lock_file_has_ended(file))
			continue;
		remove_use(use);
		if (!lock_file_is_claimed(file))
			lock_file_drop_lost(file);
	}
}

int posix_attempt_begin(struct posix_attempt *attempt, struct posix_lock **locks, uint64_t owner, const char *key,
                        struct lock_file *file)
{
	struct posix_lock *lock = posix_lock_find(*locks, owner, key, file, attempt->process);

	attempt->use = calloc(1, sizeof(*attempt->use));
	if (attempt->use && !lock)
		lock = make(locks, owner, key);
	if (!attempt->use || !lock) {
		free(attempt->use);
		return -ENOMEM;
	}
	lock->requests++;
	attempt->lock = lock;
	attempt->file = file;
	return 0;
}

void posix_attempt_keep(struct posix_attempt *attempt)
{
	if (attempt->keeps)
		return;
	attempt->keeps = true;
	attempt->file->attempts++;
}

static void stop_keeping(struct posix_attempt *attempt)
{
	struct renewal *renewal;

	if (!attempt->keeps)
		return;
	attempt->keeps = false;
	attempt->file->attempts--;
	/* What the file acquired by its creation is not given up by an attempt that failed. */
	if (attempt->file->acquired && attempt->file->acquired == lock_file_token(attempt->file))
		return;
	renewal = lock_file_unbind_if_unclaimed(attempt->file);
	if (renewal)
		renewal_release(renewal, NULL, NULL);
}

void posix_attempt_join(struct posix_attempt *attempt)
{
	stop_keeping(attempt);
	drop_ended(attempt->lock);
	if (!attempt->lock->uses || attempt->file->member.bound)
		return;
	lock_file_share(attempt->file, attempt->lock->uses->file);
	posix_attempt_keep(attempt);
}

void posix_attempt_succeed(struct posix_attempt *attempt)
{
	struct posix_lock *lock = attempt->lock;
	struct lock_file *file = attempt->file;

	byte_ranges_remove(attempt->mode == LOCK_EXCLUSIVE ? &lock->shared : &lock->exclusive, attempt->range);
	byte_ranges_add(attempt->mode == LOCK_EXCLUSIVE ? &lock->exclusive : &lock->shared, attempt->range);
	lock->pid = attempt->process;
	if (!lock_file_flushes(file) && !lock->process.pid &&
		(process_identify(attempt->process, &lock->process) < 0 || !lock->process.pid))
		hide(lock);
	if (use_of(lock, file))
		return;
	attempt->use->lock = lock;
	attempt->use->file = file;
	DL_APPEND(lock->uses, attempt->use);
	DL_APPEND2(file->posix_uses, attempt->use, file_prev, file_next);
	attempt->use = NULL;
}

enum lock_mode posix_attempt_mode(const struct posix_attempt *attempt)
{
	struct byte_ranges exclusive = attempt->lock->exclusive;

	byte_ranges_remove(&exclusive, attempt->range);
	return attempt->mode == LOCK_EXCLUSIVE || exclusive.count > 0 ? LOCK_EXCLUSIVE : LOCK_SHARED;
}

void posix_attempt_end(struct posix_attempt *attempt)
{
	struct posix_lock *lock = attempt->lock;

	if (!lock)
		return;
	stop_keeping(attempt);
	free(attempt->use);
	lock->requests--;
	free_if_unused(lock);
	attempt->lock = NULL;
}

bool posix_lock_uses(const struct posix_lock *lock, const struct lock_file *file)
{
	const struct posix_use *use;

	if (!lock)
		return false;
	DL_FOREACH(lock->uses, use)
		if (use->file->member.holding == file->member.holding)
			return true;
	return false;
}

/* Unlocking */

bool posix_lock_keeps(struct posix_lock *lock, struct byte_range range)
{
	byte_ranges_remove(&lock->exclusive, range);
	byte_ranges_remove(&lock->shared, range);
	return lock->exclusive.count > 0 || lock->shared.count > 0;
}

struct renewal *posix_lock_end(struct posix_lock *lock)
{
	struct renewal *renewal = NULL;

	while (lock->uses) {
		struct lock_file *file = lock->uses->file;
		struct renewal *last;

		remove_use(lock->uses);
		last = lock_file_unbind_if_unclaimed(file);
		/* There are two only if files of the owner were bound to different shared holdings before it used them. */
		if (last && renewal)
			renewal_release(renewal, NULL, NULL);
		renewal = last ? last : renewal;
	}
	free_if_unused(lock);
	return renewal;
}

void posix_locks_close(struct lock_file *file)
{
	while (file->posix_uses) {
		struct posix_lock *lock = file->posix_uses->lock;

		remove_use(file->posix_uses);
		free_if_unused(lock);
	}
}
