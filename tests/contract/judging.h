/* Assertions about the locks in answers. */
#ifndef TESTS_CONTRACT_JUDGING_H
#define TESTS_CONTRACT_JUDGING_H

#include "tests/contract/contract.h"

static void assert_same_text(const char *a, const char *b)
{
	if (a && b)
		assert_string_equal(a, b);
	else
		assert_true(a == b);
}

static void assert_near(int64_t a, int64_t b)
{
	assert_true(llabs(a - b) <= ROUNDING_MS);
}

static void assert_same_holder(const struct lock_holder *a, const struct lock_holder *b)
{
	assert_same_text(a->claim.id, b->claim.id);
	assert_same_text(a->claim.identity, b->claim.identity);
	assert_string_equal(a->user, b->user);
	assert_string_equal(a->host, b->host);
	assert_string_equal(a->mount_point_id, b->mount_point_id);
	assert_string_equal(a->command, b->command);
	assert_int_equal(a->pid, b->pid);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->gid, b->gid);
}

static void assert_same_holding(const struct lock *a, const struct lock *b)
{
	assert_string_equal(a->key, b->key);
	assert_same_holder(&a->holder, &b->holder);
	assert_int_equal(a->token, b->token);
	assert_int_equal(a->form, b->form);
	assert_int_equal(a->acquired_ms, b->acquired_ms);
	assert_int_equal(a->waiters, b->waiters);
}

static void assert_same_lease(const struct lock *before, const struct lock *after)
{
	assert_int_equal(before->ttl_ms, after->ttl_ms);
	assert_int_equal(before->refreshed_ms, after->refreshed_ms);
	assert_near(before->expires_ms, after->expires_ms);
	/* remaining_ms is less by the time that an answer took, so a slow answer may have less than the next one. */
	assert_true(after->remaining_ms <= before->remaining_ms + ANSWER_MS);
}

static void assert_content(const struct lock *lock, const void *data, size_t size)
{
	assert_int_equal(lock->content_size, size);
	if (size)
		assert_memory_equal(lock->content, data, size);
}

static void assert_same_lock(const struct lock *before, const struct lock *after)
{
	assert_same_holding(before, after);
	assert_same_lease(before, after);
	assert_content(after, before->content, before->content_size);
}

/* Checks that the times of one lock fit together. */
static void assert_sound(const struct lock *lock)
{
	assert_true(lock->token > 0);
	assert_false(lock->foreign);
	assert_true(lock->refreshed_ms >= lock->acquired_ms);
	if (lock->ttl_ms == LEASE_NEVER) {
		assert_int_equal(lock->remaining_ms, LEASE_NEVER);
		assert_int_equal(lock->expires_ms, LEASE_NEVER);
		return;
	}
	assert_true(lock->remaining_ms > 0);
	assert_true(lock->remaining_ms <= lock->ttl_ms);
	assert_near(lock->expires_ms, lock->refreshed_ms + lock->ttl_ms);
}

static const struct lock *see(struct mount *mount, const char *key)
{
	const struct lock *lock = expect(0, look(mount, key))->lock;

	assert_non_null(lock);
	assert_sound(lock);
	return lock;
}

static const struct dir_info *see_dir(struct mount *mount, const char *path)
{
	const struct answer *answer = expect(0, look(mount, path));

	assert_true(answer->is_dir);
	return &answer->dir;
}

static void assert_settings(const struct dir_info *dir, const struct dir_info *wanted)
{
	assert_int_equal(dir->mode, wanted->mode);
	assert_int_equal(dir->uid, wanted->uid);
	assert_int_equal(dir->gid, wanted->gid);
}

static void expect_list(struct mount *mount, const char *path, const char *names)
{
	assert_string_equal(expect(0, list(mount, path))->names, names);
}

#endif
