/*
 * GETXATTR, LISTXATTR, SETXATTR, REMOVEXATTR. None of these requests carries a file handle, so the node alone tells
 * which holding is meant (see request_look_up_lock()). The attributes themselves are in attributes.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fs/caller/caller.h"
#include "fs/caller/permission.h"
#include "fs/holdings/holding.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "fs/ops/attributes.h"
#include "fs/ops/request/access.h"
#include "fs/ops/request/claim.h"
#include "fs/ops/request/ended.h"
#include "fs/ops/request/reply.h"
#include "fs/ops/request/request.h"
#include "fs/ops/table.h"
#include "lockfs/backend.h"
#include "lockfs/duration.h"
#include "lockfs/lock.h"

/*
 * Is this entry the lock that the request is about? A handle stands for the present holder of its name. A node whose
 * file was locked later (bound_token) is shared with descriptors of the earlier holding, which has ended; as xattr
 * requests carry no file handle, the present lock is shown to its holder, and to others as ended.
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

/* Fills in the subject from the answer of the backend. Returns 0, or the negative errno to reply with. */
static int subject_of(struct request *request, int status, const struct entry *entry, struct attribute_subject *ret)
{
	const struct node *node = request->node;

	*ret = (struct attribute_subject){ .request = request, .key = request->key };
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
		ret->held_by_caller = lock_is_held_by(&entry->lock, &request->claim);
		ret->may_see_id = attribute_shows_id(request->mount, fuse_req_ctx(request->fuse)->uid, &entry->lock,
			ret->held_by_caller);
		return 0;
	}
	/*
	 * The name may be another holding's by now. ESTALE only if no descriptor is open: fgetxattr(2) is not repeated, and
	 * the caller would get ESTALE.
	 */
	if (!node->files && (status == 0 || request_cache_was_wrong(request)))
		return request_stale_or(request, -ENOENT);
	return request_ended_status(request) == -ESTALE ? 0 : -ENOENT;
}

/* A size of 0 asks for the length of the value only. */
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
	const struct attribute *attribute = attribute_find(request->node, request->xattr.name);
	struct attribute_subject subject;
	char value[ATTRIBUTE_VALUE_MAX];
	int length;

	status = subject_of(request, status, entry, &subject);
	if (status < 0) {
		request_reply(request, status);
		return;
	}
	length = attribute_print(attribute, &subject, value, sizeof(value));
	if (length < 0)
		request_reply(request, length);
	else
		reply_value(request, value, (size_t)length, request->xattr.size);
}

static bool begins_with(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/*
 * Makes a request about an attribute. Returns NULL after replying; `unknown` is the status for an unknown name. Reading
 * or setting attributes of `security.`, `system.` and `trusted.` needs no permission of the file: the kernel checks.
 */
static struct request *request_on_attribute(fuse_req_t req, fuse_ino_t ino, const char *name, int unknown)
{
	struct request *request;

	if (begins_with(name, "security.") || begins_with(name, "system.") || begins_with(name, "trusted.")) {
		fuse_reply_err(req, -unknown);
		return NULL;
	}
	request = request_on_node(req, ino, NULL);
	if (!request)
		return NULL;
	snprintf(request->xattr.name, sizeof(request->xattr.name), "%s", name);
	request->xattr.unknown = unknown;
	return request;
}

/* In a sticky directory only its owner sets attributes of it. */
static int may_set_attribute(struct request *request)
{
	const struct permissions *file = &request->access.of;
	struct credentials caller;

	access_caller(request, &caller);
	if (begins_with(request->xattr.name, "user.") && S_ISDIR(file->mode) && (file->mode & S_ISVTX) &&
		!permission_is_owner(&caller, file))
		return -EPERM;
	return permission_check(&caller, file, W_OK);
}

/* Identifies the caller, if there is such an attribute. Returns false after replying. */
static bool identify_for_attribute(struct request *request)
{
	if (attribute_find(request->node, request->xattr.name))
		return request_identify_holder_or_reply(request);
	request_reply(request, request->xattr.unknown);
	return false;
}

static void get_attribute(struct request *request)
{
	if (!identify_for_attribute(request))
		return;
	/* The state of a lost holding is known even while the backend cannot be reached. */
	if (request_has_ended(request))
		on_getting(request, -ENOENT, NULL);
	else
		backend_read_as(request->mount->backend, request->key, &request->claim, request_match(request), on_getting, request);
}

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct request *request = request_on_attribute(req, ino, name, -ENODATA);

	if (!request)
		return;
	request->xattr.size = size;
	/* Whoever finds a lock may see who holds it, even if the mode keeps the content from them. */
	if (node_is_lock(request->node))
		get_attribute(request);
	else
		access_check(request, access_read, get_attribute);
}

static void on_listing(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;
	struct attribute_subject subject;
	char value[ATTRIBUTE_VALUE_MAX];
	char names[1024];
	size_t length = 0;

	status = subject_of(request, status, entry, &subject);
	if (status < 0) {
		request_reply(request, status);
		return;
	}
	for (const struct attribute *attribute = attributes_of(request->node); attribute->name; attribute++) {
		if (attribute_print(attribute, &subject, value, sizeof(value)) < 0)
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
		backend_read_as(request->mount->backend, request->key, &request->claim, request_match(request), on_listing, request);
}

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
	struct holding_match match = request->access.match;
	int err;

	if (request_has_ended(request)) {
		request_refuse_refresh(request);
		return;
	}
	err = holdings_admit_lease(request->mount->holdings, request->key, match, ttl_ms);
	if (err < 0) {
		request_reply(request, err);
		return;
	}
	backend_refresh(request->mount->backend, request->key, &request->claim, match, ttl_ms, TIME_UNSET, on_lease_set, request);
}

/* Changes the setting of the directory that the attribute stands for. 0, which is also LEASE_UNSET, removes it. */
static void configure_dir(struct request *request)
{
	enum dir_setting which = attribute_find(request->node, request->xattr.name)->dir_setting;
	int64_t value = request->xattr.value;

	request->dir = (struct dir_info){
		.default_ttl_ms = which == DIR_DEFAULT_TTL ? value : LEASE_UNSET,
		.limit = which == DIR_LIMIT ? (uint32_t)value : 0,
	};
	backend_configure_dir(request->mount->backend, request->key, which, &request->dir, request_done, request);
}

static void on_read_to_configure(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;
	struct attribute_subject subject;
	char value[ATTRIBUTE_VALUE_MAX];
	bool is_set;

	status = subject_of(request, status, entry, &subject);
	if (status < 0) {
		request_reply(request, status);
		return;
	}
	is_set = attribute_print(attribute_find(request->node, request->xattr.name), &subject, value, sizeof(value)) >= 0;
	if (is_set && (request->xattr.flags & XATTR_CREATE))
		request_reply(request, -EEXIST);
	else if (!is_set && (request->xattr.flags & XATTR_REPLACE))
		request_reply(request, -ENODATA);
	else
		configure_dir(request);
}

/* Sets or removes an attribute of a directory. If it depends on whether the setting is made, that is read first. */
static void change_dir(struct request *request)
{
	if (request->xattr.flags && attribute_find(request->node, request->xattr.name)->may_be_unset)
		backend_read(request->mount->backend, request->key, on_read_to_configure, request);
	else
		configure_dir(request);
}

/* Reads what is to be set. Returns 0 or a negative errno. */
static int parse_setting(const struct node *node, const char *name, const char *value, size_t size, int flags,
                         int64_t *ret)
{
	const struct attribute *attribute = attribute_find(node, name);

	/* Not EPERM: programs that copy attributes, such as mv(1), are silent about this error. */
	if (!attribute || !attribute->parse)
		return -EOPNOTSUPP;
	if ((flags & XATTR_CREATE) && !attribute->may_be_unset)
		return -EEXIST;
	return attribute->parse(value, size, ret) < 0 ? -EINVAL : 0;
}

static void set_attribute(struct request *request)
{
	int status = request->xattr.set_status;

	if (!identify_for_attribute(request))
		return;
	if (status < 0)
		request_reply(request, status);
	else if (node_kind(request->node) == NODE_DIR)
		change_dir(request);
	else
		set_lease(request, request->xattr.value);
}

void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	struct request *request = request_on_attribute(req, ino, name, -EOPNOTSUPP);

	if (!request)
		return;
	request->xattr.flags = flags;
	request->xattr.set_status = parse_setting(request->node, name, value, size, flags, &request->xattr.value);
	access_check(request, may_set_attribute, set_attribute);
}

static void remove_attribute(struct request *request)
{
	if (!identify_for_attribute(request))
		return;
	if (node_kind(request->node) == NODE_DIR && attribute_find(request->node, request->xattr.name)->parse)
		change_dir(request);
	else
		request_reply(request, -EPERM);
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct request *request = request_on_attribute(req, ino, name, -ENODATA);

	if (!request)
		return;
	request->xattr.value = 0;
	request->xattr.flags = XATTR_REPLACE;
	access_check(request, may_set_attribute, remove_attribute);
}
