/*
 * The extended attributes of lockfs(5), EXTENDED ATTRIBUTES, and how their values are printed. Every value is text.
 * An attribute that does not apply answers ENODATA, never ENOSYS: after one ENOSYS the kernel sends no GETXATTR any
 * more.
 */
#include "fs/ops/attributes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backend/util/text/number.h"
#include "backend/util/text_copy.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/names/reserved_name.h"
#include "fs/ops/request/request.h"
#include "fs/options.h"
#include "fs/util/printable.h"
#include "lockfs/backend.h"
#include "lockfs/duration.h"
#include "lockfs/event.h"
#include "lockfs/lock.h"

static int print_duration(int64_t ms, char *value, size_t size)
{
	char text[DURATION_TEXT_MAX];

	duration_print(ms, text);
	return snprintf(value, size, "%s", text);
}

static int print_time(int64_t ms, char *value, size_t size)
{
	time_t seconds = ms / 1000;
	struct tm utc;
	char text[32];

	if (ms == LEASE_NEVER)
		return snprintf(value, size, "never");
	if (!gmtime_r(&seconds, &utc) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
		return -ENODATA;
	return snprintf(value, size, "%s.%03dZ", text, (int)(ms % 1000));
}

static int print_mode(const struct attribute_subject *subject, char *value, size_t size)
{
	static const char *const words[] = { [LOCK_EXCLUSIVE] = "exclusive", [LOCK_SHARED] = "shared" };

	return snprintf(value, size, "%s", words[subject->lock->mode]);
}

static int print_form(const struct attribute_subject *subject, char *value, size_t size)
{
	return snprintf(value, size, "%s", lock_form_word(subject->lock->form));
}

static int print_holders(const struct attribute_subject *subject, char *value, size_t size)
{
	return snprintf(value, size, "%" PRIu64, subject->lock->holders);
}

static int print_state(const struct attribute_subject *subject, char *value, size_t size)
{
	if (!subject->lock)
		return snprintf(value, size, "EXPIRED");
	return snprintf(value, size, subject->held_by_caller ? "ACQUIRED" : "UNAVAILABLE");
}

static int print_key(const struct attribute_subject *subject, char *value, size_t size)
{
	return snprintf(value, size, "%s", subject->key);
}

static int print_raw_owner(const struct attribute_subject *subject, char *value, size_t size)
{
	char owner[EVENT_OWNER_MAX];

	lock_owner_print(&subject->lock->holder, owner, sizeof(owner));
	return snprintf(value, size, "%s", owner);
}

/* Escaped, as people print it to a terminal, and the command and a given id may contain any bytes. */
static int print_owner(const struct attribute_subject *subject, char *value, size_t size)
{
	char owner[EVENT_OWNER_MAX];

	lock_owner_print(&subject->lock->holder, owner, sizeof(owner));
	return (int)print_escaped(owner, strlen(owner), value, size);
}

static int print_ttl(const struct attribute_subject *subject, char *value, size_t size)
{
	return print_duration(subject->lock->ttl_ms, value, size);
}

static int print_remaining(const struct attribute_subject *subject, char *value, size_t size)
{
	return print_duration(subject->lock->remaining_ms, value, size);
}

static int print_acquired(const struct attribute_subject *subject, char *value, size_t size)
{
	return print_time(subject->lock->acquired_ms, value, size);
}

static int print_expires(const struct attribute_subject *subject, char *value, size_t size)
{
	return print_time(subject->lock->expires_ms, value, size);
}

static int print_token(const struct attribute_subject *subject, char *value, size_t size)
{
	return snprintf(value, size, "%" PRIu64, subject->lock->token);
}

static int print_id(const struct attribute_subject *subject, char *value, size_t size)
{
	if (!subject->may_see_id)
		return -ENODATA;
	return snprintf(value, size, "%s", subject->lock->holder.claim.id);
}

static int print_handle(const struct attribute_subject *subject, char *value, size_t size)
{
	char ttl[DURATION_TEXT_MAX];

	if (!subject->may_see_id)
		return -ENODATA;
	if (subject->lock->foreign)
		return snprintf(value, size, WITH_NAME "/id=%s/%s", subject->lock->holder.claim.id,
			subject->key);
	duration_print(subject->lock->ttl_ms, ttl);
	return snprintf(value, size, WITH_NAME "/id=%s,ttl=%s/%s", subject->lock->holder.claim.id, ttl,
		subject->key);
}

static int print_host(const struct attribute_subject *subject, char *value, size_t size)
{
	return snprintf(value, size, "%s", subject->lock->holder.host);
}

static int print_pid(const struct attribute_subject *subject, char *value, size_t size)
{
	return snprintf(value, size, "%d", (int)subject->lock->holder.pid);
}

static int print_uid(const struct attribute_subject *subject, char *value, size_t size)
{
	return snprintf(value, size, "%u", (unsigned int)subject->lock->holder.uid);
}

static int print_command(const struct attribute_subject *subject, char *value, size_t size)
{
	return snprintf(value, size, "%s", subject->lock->holder.command);
}

static int print_waiters(const struct attribute_subject *subject, char *value, size_t size)
{
	return snprintf(value, size, "%" PRIu64, subject->lock->waiters);
}

/* Attributes of directories */

static int print_identity(const struct attribute_subject *subject, char *value, size_t size)
{
	const struct lock_claim *claim = &subject->request->claim;

	/* Explains to a caller that expects to be told apart by session why it is not. */
	if (claim->identity && subject->request->caller.by_user)
		return snprintf(value, size, "%s (process or session not visible)", claim->identity);
	if (claim->identity)
		return snprintf(value, size, "%s", claim->identity);
	return snprintf(value, size, "id:%s", claim->id);
}

static int print_default_ttl(const struct attribute_subject *subject, char *value, size_t size)
{
	int64_t ttl_ms = subject->dir->default_ttl_ms;

	if (ttl_ms == LEASE_UNSET)
		ttl_ms = subject->request->mount->options->ttl_ms;
	return print_duration(ttl_ms, value, size);
}

static int print_limit(const struct attribute_subject *subject, char *value, size_t size)
{
	if (subject->dir->limit == 0)
		return -ENODATA;
	return snprintf(value, size, "%" PRIu32, subject->dir->limit);
}

static int print_room_waiters(const struct attribute_subject *subject, char *value, size_t size)
{
	if (subject->dir->limit == 0)
		return -ENODATA;
	return snprintf(value, size, "%" PRIu64, subject->dir->waiters);
}

static int parse_limit(const char *value, size_t size, int64_t *ret)
{
	char text[sizeof("1000000")]; /* the digits of DIR_LIMIT_MAX */
	uint64_t limit;

	if (copy_bytes(value, size, text, sizeof(text)) < 0 || number_parse(text, 10, DIR_LIMIT_MAX, &limit) < 0 || limit == 0)
		return -EINVAL;
	*ret = (int64_t)limit;
	return 0;
}

const struct attribute lock_attributes[] = {
	{ .name = "user.lock.state", .print = print_state, .without_lock = true },
	{ .name = "user.lock.mode", .print = print_mode },
	{ .name = "user.lock.form", .print = print_form },
	{ .name = "user.lock.holders", .print = print_holders, .is_number = true },
	{ .name = "user.lock.owner", .print = print_owner, .print_raw = print_raw_owner },
	{ .name = "user.lock.ttl", .print = print_ttl, .not_foreign = true, .parse = lease_parse_bytes, .is_number = true },
	{ .name = "user.lock.remaining", .print = print_remaining, .is_number = true },
	{ .name = "user.lock.acquired", .print = print_acquired, .not_foreign = true },
	{ .name = "user.lock.expires", .print = print_expires },
	{ .name = "user.lock.token", .print = print_token, .not_foreign = true, .is_number = true },
	{ .name = "user.lock.key", .print = print_key, .without_lock = true },
	{ .name = "user.lock.id", .print = print_id },
	{ .name = "user.lock.handle", .print = print_handle },
	{ .name = "user.lock.host", .print = print_host, .not_foreign = true },
	{ .name = "user.lock.pid", .print = print_pid, .not_foreign = true, .is_number = true },
	{ .name = "user.lock.uid", .print = print_uid, .not_foreign = true, .is_number = true },
	{ .name = "user.lock.command", .print = print_command, .not_foreign = true },
	{ .name = "user.lock.waiters", .print = print_waiters, .is_number = true },
	{ .name = NULL },
};

static const struct attribute dir_attributes[] = {
	{ .name = "user.lock.identity", .print = print_identity },
	{ .name = "user.lock.default_ttl", .print = print_default_ttl, .parse = lease_parse_bytes,
		.dir_setting = DIR_DEFAULT_TTL },
	{ .name = "user.lock.limit", .print = print_limit, .parse = parse_limit, .dir_setting = DIR_LIMIT,
		.may_be_unset = true },
	{ .name = "user.lock.waiters", .print = print_room_waiters },
	{ .name = NULL },
};

static const struct attribute no_attributes[] = { { .name = NULL } };

const struct attribute *attributes_of(const struct node *node)
{
	static const struct attribute *const by_kind[] = {
		[NODE_DIR] = dir_attributes,
		[NODE_LOCK] = lock_attributes,
		[NODE_ACQUIRED] = lock_attributes,
		[NODE_UNLOCKED] = lock_attributes,
		[NODE_WITH] = no_attributes,
		[NODE_EVENTS] = no_attributes,
		[NODE_EVENTS_JSON] = no_attributes,
		[NODE_STATS] = no_attributes,
		[NODE_STATUS] = no_attributes,
		[NODE_STATUS_JSON] = no_attributes,
		[NODE_LOCKS] = no_attributes,
		[NODE_LOCKS_JSON] = no_attributes,
	};

	return by_kind[node_kind(node)];
}

const struct attribute *attribute_find(const struct node *node, const char *name)
{
	for (const struct attribute *attribute = attributes_of(node); attribute->name; attribute++)
		if (strcmp(attribute->name, name) == 0)
			return attribute;
	return NULL;
}

bool attribute_shows_id(const struct mount *mount, uid_t uid, const struct lock *lock, bool held_by_caller)
{
	return held_by_caller || (lock->holder.uid == uid &&
		strcmp(lock->holder.mount_point_id, mount->callers->mount_point_id) == 0);
}

static int print_by(attribute_print_fn *print, const struct attribute *attribute, const struct attribute_subject *subject,
                    char *value, size_t size)
{
	int length;

	if (!subject->dir && !subject->lock && !attribute->without_lock)
		return -ENODATA;
	if (attribute->not_foreign && subject->lock && subject->lock->foreign)
		return -ENODATA;
	length = print(subject, value, size);
	return length < (int)size ? length : -ERANGE;
}

int attribute_print(const struct attribute *attribute, const struct attribute_subject *subject, char *value, size_t size)
{
	return print_by(attribute->print, attribute, subject, value, size);
}

int attribute_print_raw(const struct attribute *attribute, const struct attribute_subject *subject, char *value, size_t size)
{
	return print_by(attribute->print_raw ? attribute->print_raw : attribute->print, attribute, subject, value, size);
}
