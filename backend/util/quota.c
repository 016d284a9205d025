/* How much each user has of something that all users share, and the limit for each of them. */
#include "backend/util/quota.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "backend/util/clock.h"
#include "backend/util/user_table.h"

struct quota_user {
	struct user_entry entry;
	size_t amount; /* what the user has */
	bool is_noticed; /* people know that the user is at the limit */
};

static bool is_unlimited(const struct quota *quota, uid_t uid)
{
	return quota->most == 0 || uid == 0 || uid == quota->self;
}

static void notice(struct quota *quota, struct quota_user *user)
{
	int64_t now_ns = boot_ns();
	char allows_more[64];
	char line[384];

	if (user->is_noticed)
		return;
	user->is_noticed = true;
	if (quota->noticed_ns && quota->noticed_uid == user->entry.uid && now_ns - quota->noticed_ns < quota->pause_ns)
		return;
	quota->noticed_uid = user->entry.uid;
	quota->noticed_ns = now_ns;
	snprintf(allows_more, sizeof(allows_more), "-o %s= allows more", quota->option);
	snprintf(line, sizeof(line), "user %u has as much as one user may, %zu %s, and is refused more: %s. %s",
		(unsigned int)user->entry.uid, quota->most, quota->what, strerror(-quota->error),
		quota->advice ? quota->advice : allows_more);
	quota->on_full(quota->ctx, line);
}

int quota_take(struct quota *quota, uid_t uid, size_t amount)
{
	struct quota_user *user;

	if (is_unlimited(quota, uid))
		return 0;
	user = (struct quota_user *)user_table_find_or_add(&quota->users, uid, sizeof(*user));
	if (!user)
		return -ENOMEM;
	/* A user may have more than a limit that is lower than the one before. */
	if (user->amount > quota->most || amount > quota->most - user->amount) {
		notice(quota, user);
		return quota->error;
	}
	user->amount += amount;
	return 0;
}

void quota_give(struct quota *quota, uid_t uid, size_t amount)
{
	struct quota_user *user;

	if (is_unlimited(quota, uid))
		return;
	user = (struct quota_user *)user_table_find(&quota->users, uid);
	if (!user)
		return;
	user->amount -= amount;
	if (user->amount <= quota->most / 2)
		user->is_noticed = false;
	if (user->amount > 0)
		return;
	user_table_remove(&quota->users, &user->entry);
}

size_t quota_bytes(size_t size)
{
	/* glibc puts a word before each allocation, rounds up to steps of two words, and uses at least two steps. */
	enum { STEP = 2 * sizeof(size_t) };
	size_t bytes = (size + sizeof(size_t) + STEP - 1) / STEP * STEP;

	return bytes < 2 * STEP ? 2 * STEP : bytes;
}

void quota_free(struct quota *quota)
{
	user_table_clear(&quota->users);
}
