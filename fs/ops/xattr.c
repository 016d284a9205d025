/* Extended attributes: CONTRACT section 5. Each is one row of a table. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>

#include "fs/caller/caller.h"
#include "fs/holdings/holding.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/names/reserved_name.h"
#include "fs/ops/request.h"
#include "fs/ops/table.h"
#include "fs/options.h"
#include "fs/util/printable.h"
#include "lockfs/backend.h"
#include "lockfs/duration.h"
#include "lockfs/event.h"
#include "lockfs/lock.h"

/* Room for the longest value, a handle: `.with/`, an id, a lease, a key. */
#define VALUE_MAX (LOCK_KEY_MAX + LOCK_ID_MAX + 128)

#define USER_PREFIX "user."
#define STATE_NAME "user.lock.state"

/* What an attribute is printed from. */
struct subject {
	const struct request *request;
	const struct lock *lock;    /* NULL: it has ended, or is free, or it is a directory */
	const struct dir_info *dir; /* NULL: it is a lock */
	bool held_by_asker;
	bool may_see_id;
};

/* Prints a value; returns its length, or -ENODATA where it has none for this asker. */
typedef int print_fn(const struct subject *subject, char *value, size_t size);

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

/* Of a lock; all but the state and the key are gone with the holding. */

static int print_state(const struct subject *subject, char *value, size_t size)
{
	if (!subject->lock)
		return snprintf(value, size, "EXPIRED");
	return snprintf(value, size, subject->held_by_asker ? "ACQUIRED" : "UNAVAILABLE");
}

static int print_key(const struct subject *subject, char *value, size_t size)
{
	return snprintf(value, size, "%s", subject->request->key);
}

/* For people, who print it to a terminal: the command and a given id may have any bytes. */
static int print_owner(const struct subject *subject, char *value, size_t size)
{
	char owner[EVENT_OWNER_MAX];

	lock_owner_print(&subject->lock->holder, owner, sizeof(owner));
	return (int)print_escaped(owner, strlen(owner), value, size);
}

static int print_ttl(const struct subject *subject, char *value, size_t size)
{
	return print_duration(subject->lock->ttl_ms, value, size);
}

static int print_remaining(const struct subject *subject, char *value, size_t size)
{
	return print_duration(subject->lock->remaining_ms, value, size);
}

static int print_acquired(const struct subject *subject, char *value, size_t size)
{
	return print_time(subject->lock->acquired_ms, value, size);
}

static int print_expires(const struct subject *subject, char *value, size_t size)
{
	return print_time(subject->lock->expires_ms, value, size);
}

static int print_token(const struct subject *subject, char *value, size_t size)
{
	return snprintf(value, size, "%" PRIu64, subject->lock->token);
}

static int print_id(const struct subject *subject, char *value, size_t size)
{
	if (!subject->may_see_id)
		return -ENODATA;
	return snprintf(value, size, "%s", subject->lock->holder.claim.id);
}

static int print_handle(const struct subject *subject, char *value, size_t size)
{
	char ttl[DURATION_TEXT_MAX];

	if (!subject->may_see_id)
		return -ENODATA;
	if (subject->lock->foreign)
		return snprintf(value, size, WITH_NAME "/id=%s/%s", subject->lock->holder.claim.id,
			subject->request->key);
	duration_print(subject->lock->ttl_ms, ttl);
	return snprintf(value, size, WITH_NAME "/id=%s,ttl=%s/%s", subject->lock->holder.claim.id, ttl,
		subject->request->key);
}

static int print_host(const struct subject *subject, char *value, size_t size)
{
	return snprintf(value, size, "%s", subject->lock->holder.host);
}

static int print_pid(const struct subject *subject, char *value, size_t size)
{
	return snprintf(value, size, "%d", (int)subject->lock->holder.pid);
}

static int print_uid(const struct subject *subject, char *value, size_t size)
{
	return snprintf(value, size, "%u", (unsigned int)subject->lock->holder.uid);
}

static int print_command(const struct subject *subject, char *value, size_t size)
{
	return snprintf(value, size, "%s", subject->lock->holder.command);
}

static int print_waiters(const struct subject *subject, char *value, size_t size)
{
	return snprintf(value, size, "%" PRIu64, subject->lock->waiters);
}

/* Of a directory */

static int print_identity(const struct subject *subject, char *value, size_t size)
{
	const struct lock_claim *claim = &subject->request->claim;

	/* Why a caller who expects a session is none. */
	if (claim->identity && subject->request->caller.by_user)
		return snprintf(value, size, "%s (process or session not visible)", claim->identity);
	if (claim->identity)
		return snprintf(value, size, "%s", claim->identity);
	return snprintf(value, size, "id:%s", claim->id);
}

static int print_default_ttl(const struct subject *subject, char *value, size_t size)
{
	int64_t ttl_ms = subject->dir->default_ttl_ms;

	if (ttl_ms == LEASE_UNSET)
		ttl_ms = subject->request->mount->options->ttl_ms;
	return print_duration(ttl_ms, value, size);
}

struct attribute {
	const char *name;
	print_fn *print;
	bool outlives; /* a descriptor of an ended holding still has it */
	bool of_ours;  /* not known of a lock that was taken past lockfs */
	bool settable;
};

static const struct attribute lock_attributes[] = {
	{ .name = STATE_NAME, .print = print_state, .outlives = true },
	{ .name = "user.lock.owner", .print = print_owner },
	{ .name = "user.lock.ttl", .print = print_ttl, .of_ours = true, .settable = true },
	{ .name = "user.lock.remaining", .print = print_remaining },
	{ .name = "user.lock.acquired", .print = print_acquired, .of_ours = true },
	{ .name = "user.lock.expires", .print = print_expires },
	{ .name = "user.lock.token", .print = print_token, .of_ours = true },
	{ .name = "user.lock.key", .print = print_key, .outlives = true },
	{ .name = "user.lock.id", .print = print_id },
	{ .name = "user.lock.handle", .print = print_handle },
	{ .name = "user.lock.host", .print = print_host, .of_ours = true },
	{ .name = "user.lock.pid", .print = print_pid, .of_ours = true },
	{ .name = "user.lock.uid", .print = print_uid, .of_ours = true },
	{ .name = "user.lock.command", .print = print_command, .of_ours = true },
	{ .name = "user.lock.waiters", .print = print_waiters },
	{ .name = NULL },
};

static const struct attribute dir_attributes[] = {
	{ .name = "user.lock.identity", .print = print_identity },
	{ .name = "user.lock.default_ttl", .print = print_default_ttl, .settable = true },
	{ .name = NULL },
};

static const struct attribute no_attributes[] = { { .name = NULL } };

static const struct attribute *attributes_of(const struct node *node)
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
	};

	return by_kind[node_kind(node)];
}

static const struct attribute *find_attribute(const struct node *node, const char *name)
{
	for (const struct attribute *attribute = attributes_of(node); attribute->name; attribute++)
		if (strcmp(attribute->name, name) == 0)
			return attribute;
	return NULL;
}

static bool is_settable(const struct node *node, const char *name)
{
	const struct attribute *attribute = find_attribute(node, name);

	return attribute && attribute->settable;
}

/* Reading */

/* Knowing a lock's id is holding it: it is for the holder, and the holder's user on the mount that acquired. */
static bool may_see_id(const struct request *request, const struct lock *lock, bool held_by_asker)
{
	return held_by_asker || (lock->holder.uid == fuse_req_ctx(request->fuse)->uid &&
	                         strcmp(lock->holder.mount_point_id, request->mount->callers->mount_point_id) == 0);
}

/*
 * Is it the lock that a node stands for? A handle that holds nothing stands for whoever
 * holds its name. Who opened a held lock and locked it later has the node in common
 * with those whose lock had ended by then, and no attribute says through which
 * descriptor it is asked for: it is meant for its holder.
 */
static bool is_meant(struct request *request, int status, const struct entry *entry)
{
	const struct node *node = request->node;

	if (!request->token)
		return status == 0 && entry->kind == ENTRY_LOCK;
	if (!request_finds_holding(request, status, entry) || !entry)
		return false;
	return node_kind(node) == NODE_UNLOCKED || request->token == node->name.token ||
		lock_is_held_by(&entry->lock, &request->claim);
}

/* Fills in the subject of a request from what the backend found; 0, or the errno to reply. */
static int subject_of(struct request *request, int status, const struct entry *entry, struct subject *ret)
{
	const struct node *node = request->node;

	*ret = (struct subject){ .request = request };
	if (node_kind(node) == NODE_DIR) {
		if (status < 0)
			return status;
		if (entry->kind != ENTRY_DIR)
			return -ENOENT;
		ret->dir = &entry->dir;
		return 0;
	}
	if (status < 0 && status != -ENOENT)
		return status;
	if (is_meant(request, status, entry)) {
		ret->lock = &entry->lock;
		ret->held_by_asker = lock_is_held_by(&entry->lock, &request->claim);
		ret->may_see_id = may_see_id(request, &entry->lock, ret->held_by_asker);
		return 0;
	}
	/* An open descriptor may ask, and the kernel would hand ESTALE on to that. */
	if (!node->files && request_recalled_wrongly(request))
		return request_stale_or(request, -ENOENT);
	return ended_status(request) == -ESTALE ? 0 : -ENOENT;
}

static int print_attribute(const struct attribute *attribute, const struct subject *subject, char *value,
                           size_t size)
{
	int length;

	if (!subject->dir && !subject->lock && !attribute->outlives)
		return -ENODATA;
	if (attribute->of_ours && subject->lock && subject->lock->foreign)
		return -ENODATA;
	length = attribute->print(subject, value, size);
	return length < (int)size ? length : -ERANGE;
}

/* getxattr(2) and listxattr(2) ask for the size first, with a size of 0. */
static void reply_value(struct request *request, const char *value, size_t length, size_t size)
{
	if (size == 0) {
		fuse_reply_xattr(request->fuse, length);
		request_end(request);
	} else if (length > size) {
		request_reply(request, -ERANGE);
	} else {
		request_reply_buf(request, value, length);
	}
}

static void on_getting(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;
	const struct attribute *attribute = find_attribute(request->node, request->xattr.name);
	struct subject subject;
	char value[VALUE_MAX];
	int length;

	status = subject_of(request, status, entry, &subject);
	if (status < 0) {
		request_reply(request, status);
		return;
	}
	length = print_attribute(attribute, &subject, value, sizeof(value));
	if (length < 0)
		request_reply(request, length);
	else
		reply_value(request, value, (size_t)length, request->xattr.size);
}

/* A request about an attribute by name; NULL: it was replied to. `unknown` is the errno for names that are none. */
static struct request *request_on_attribute(fuse_req_t req, fuse_ino_t ino, const char *name, int unknown)
{
	struct request *request;

	if (strncmp(name, USER_PREFIX, strlen(USER_PREFIX)) != 0) {
		fuse_reply_err(req, unknown);
		return NULL;
	}
	request = request_on_node(req, ino, NULL);
	if (!request)
		return NULL;
	if (!find_attribute(request->node, name)) {
		request_reply(request, -unknown);
		return NULL;
	}
	snprintf(request->xattr.name, sizeof(request->xattr.name), "%s", name);
	return request_identify_holder_or_reply(request) ? request : NULL;
}

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct request *request = request_on_attribute(req, ino, name, ENODATA);

	if (!request)
		return;
	request->xattr.size = size;
	/* Of a holding that was lost this can be said also while the backend is away. */
	if (request_has_ended(request))
		on_getting(request, -ENOENT, NULL);
	else
		backend_read_as(request->mount->backend, request->key, &request->claim, on_getting, request);
}

static void on_listing(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;
	struct subject subject;
	char value[VALUE_MAX];
	char names[1024];
	size_t length = 0;

	status = subject_of(request, status, entry, &subject);
	if (status < 0) {
		request_reply(request, status);
		return;
	}
	for (const struct attribute *attribute = attributes_of(request->node); attribute->name; attribute++) {
		if (print_attribute(attribute, &subject, value, sizeof(value)) < 0)
			continue;
		length += (size_t)snprintf(names + length, sizeof(names) - length, "%s", attribute->name) + 1;
	}
	reply_value(request, names, length, request->xattr.size);
}

void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct request *request = request_on_node(req, ino, NULL);

	if (!request)
		return;
	request->xattr.size = size;
	if (!attributes_of(request->node)->name) {
		reply_value(request, "", 0, size);
		return;
	}
	if (!request_identify_holder_or_reply(request))
		return;
	if (request_has_ended(request))
		on_listing(request, -ENOENT, NULL);
	else
		backend_read_as(request->mount->backend, request->key, &request->claim, on_listing, request);
}

/* Setting */

static void on_lease_set(void *ctx, int status, const struct lock *lock)
{
	struct request *request = ctx;

	if (status == 0)
		holdings_adopt(request->mount->holdings, lock);
	if (status == -ENOENT)
		request_reply_ended(request);
	else
		request_reply(request, status);
}

static void set_lease(struct request *request, int64_t ttl_ms)
{
	int err;

	if (request_has_ended(request)) {
		request_refuse_refresh(request);
		return;
	}
	err = holdings_admit_lease(request->mount->holdings, request->key, request->token, ttl_ms);
	if (err < 0) {
		request_reply(request, err);
		return;
	}
	/* A handle that holds nothing stands for whoever holds its name. */
	backend_refresh(request->mount->backend, request->key, &request->claim,
		request->token ? match_token(request->token) : match_any(), ttl_ms, on_lease_set, request);
}

static void set_default_ttl(struct request *request, int64_t ttl_ms)
{
	request->dir = (struct dir_info){ .default_ttl_ms = ttl_ms };
	backend_configure_dir(request->mount->backend, request->key, DIR_DEFAULT_TTL, &request->dir, request_done,
		request);
}

void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	struct request *request = request_on_attribute(req, ino, name, EOPNOTSUPP);
	int64_t ttl_ms;

	if (!request)
		return;
	if (!is_settable(request->node, name)) {
		request_reply(request, -EPERM);
		return;
	}
	if (flags & XATTR_CREATE) {
		request_reply(request, -EEXIST);
		return;
	}
	if (lease_parse_bytes(value, size, &ttl_ms) < 0)
		request_reply(request, -EINVAL);
	else if (node_kind(request->node) == NODE_DIR)
		set_default_ttl(request, ttl_ms);
	else
		set_lease(request, ttl_ms);
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct request *request = request_on_attribute(req, ino, name, ENODATA);

	if (!request)
		return;
	if (node_kind(request->node) == NODE_DIR && is_settable(request->node, name))
		set_default_ttl(request, LEASE_UNSET);
	else
		request_reply(request, -EPERM);
}
