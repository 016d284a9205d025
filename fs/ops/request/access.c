/*
 * Finds the permissions of a node or directory and applies a rule to them. Those of the root, of `.with` and of control
 * files are known. Those of a lock are what the kernel was told by its last LOOKUP, which it sends for each name; a handle
 * has those of the lock that is held now, which is read. Those of a directory are known for 10 ms from the last reply that
 * showed them, as long as the kernel would use them, and are read from the backend otherwise. Root is not kept waiting for permissions that do not matter to it.
 */
#include "fs/ops/request/access.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/util/clock.h"
#include "backend/util/text/key.h"
#include "fs/caller/caller.h"
#include "fs/mount.h"
#include "fs/names/control_node.h"
#include "fs/names/node.h"
#include "fs/ops/request/attr.h"
#include "fs/ops/request/claim.h"
#include "fs/ops/request/request.h"
#include "fs/options.h"
#include "lockfs/backend.h"
#include "lockfs/lock.h"

/* Rules */

void access_caller(const struct request *request, struct credentials *ret)
{
	credentials_of(ret, request->fuse, request->mount->callers->sees_processes);
}

static int check_mask(struct request *request, int mask)
{
	struct credentials caller;

	access_caller(request, &caller);
	return permission_check(&caller, &request->access.of, mask);
}

int access_search(struct request *request)
{
	return check_mask(request, X_OK);
}

int access_read(struct request *request)
{
	return check_mask(request, R_OK);
}

int access_change(struct request *request)
{
	return check_mask(request, W_OK | X_OK);
}

int access_by_mask(struct request *request)
{
	return check_mask(request, request->access.mask);
}

/* Finding permissions */

static bool is_root(const struct request *request)
{
	return fuse_req_ctx(request->fuse)->uid == 0;
}

static struct permissions permissions_of_control(const struct control_node *control)
{
	return (struct permissions){ .mode = S_IFREG | control->mode, .uid = control->uid, .gid = control->gid };
}

static bool dir_is_known(const struct node *dir)
{
	return boot_ns() - dir->permissions_ns <= (int64_t)(ATTR_TIMEOUT_DIR * NS_PER_S);
}

/*
 * Is the remembered owner of a lock what this caller would be shown? In a view with the id of the lock every caller is
 * shown as the owner, and the node remembers the one that was shown last.
 */
static bool owner_is_certain(const struct request *request, const struct node *lock)
{
	return !given_id(request->mount, lock) || lock->permissions.uid == fuse_req_ctx(request->fuse)->uid;
}

/* Is it the node of a handle that is not locked? */
static bool is_handle(const struct node *node)
{
	return node_kind(node) == NODE_UNLOCKED && !node->bound_token;
}

/* The holding that the node of a lock stands for; of a handle, the one that there is. */
static struct holding_match match_of(const struct node *node)
{
	return is_handle(node) ? match_any() : match_token(node_token(node));
}

/* The rule for what is opened: what decides is checked afterwards, by open_by_lock_or_dir(). */
static int allow_all(struct request *request)
{
	(void)request;
	return 0;
}

/*
 * Does the rule go by whose the lock is that is held now? What is done through a handle that is opened again is checked
 * when it is done.
 */
static bool depends_on_holder(access_rule *rule)
{
	return rule != allow_all;
}

/* What this caller is shown of a lock or directory that was read. */
static struct permissions permissions_of_entry(const struct request *request, const struct entry *entry)
{
	struct stat attr = attr_of_entry(request->mount, request->node, entry, fuse_req_ctx(request->fuse));

	return permissions_of_stat(&attr);
}

/* Finds the permissions of a node without asking the backend. Returns false if it must be asked. */
static bool find_known(const struct request *request, const struct node *node, struct permissions *ret)
{
	struct stat fixed;

	if (attr_is_fixed(node)) {
		fixed = attr_of_fixed(request->mount, node);
		*ret = permissions_of_stat(&fixed);
		return true;
	}
	if (node_is_control(node)) {
		*ret = permissions_of_control(node->control);
		return true;
	}
	*ret = node->permissions;
	if (is_root(request))
		return true;
	if (is_handle(node))
		return !depends_on_holder(request->access.rule);
	return node_kind(node) == NODE_DIR ? dir_is_known(node) : owner_is_certain(request, node);
}

/* Applying a rule */

static void decide(struct request *request)
{
	int status = request->access.rule(request);

	if (status == 0)
		status = request->name_status;
	if (status < 0)
		request->access.refuse(request, status);
	else
		request->access.step(request);
}

/* Goes on with the permissions of a directory: of the node, or of access.path. */
static void on_dir_read(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;
	bool is_of_node = !request->access.path;

	free(request->access.path);
	request->access.path = NULL;
	if (status == 0 && entry->kind != ENTRY_DIR)
		status = -ENOENT;
	if (status < 0) {
		request->access.refuse(request, status);
		return;
	}
	request->access.of = permissions_of_dir(&entry->dir);
	if (is_of_node)
		node_note_permissions(request->node, &request->access.of);
	decide(request);
}

static void on_lock_read(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;
	uint64_t token = node_token(request->node);

	if (status < 0 && status != -ENOENT) {
		request->access.refuse(request, status);
		return;
	}
	/* A handle has no holding, and only the one whose owner was checked may be changed through it. */
	if (is_handle(request->node)) {
		token = status == 0 && entry->kind == ENTRY_LOCK ? entry->lock.token : 0;
		request->access.match = match_token(token);
	}
	/* If the holding has ended, what the kernel was told last decides. */
	if (entry_is_holding(status, entry, token))
		request->access.of = permissions_of_entry(request, entry);
	decide(request);
}

static void begin(struct request *request, access_rule *rule, access_next *step, access_refuse *refuse)
{
	request->access.rule = rule;
	request->access.step = step;
	request->access.refuse = refuse;
}

/* Checks the rule for request->node, and goes on with `step`. */
static void check_node(struct request *request, access_rule *rule, access_next *step, access_refuse *refuse)
{
	struct backend *backend = request->mount->backend;
	const struct node *node = request->node;

	begin(request, rule, step, refuse);
	if (find_known(request, node, &request->access.of)) {
		decide(request);
	} else if (node_kind(node) == NODE_DIR) {
		backend_read(backend, node->name.path, on_dir_read, request);
	} else {
		request_claim_given_id(request);
		backend_read_as(backend, node_path(node), &request->claim, match_of(node), on_lock_read, request);
	}
}

void access_check(struct request *request, access_rule *rule, access_next *next)
{
	request->access.match = request->token ? match_token(request->token) : match_any();
	check_node(request, rule, next, request_reply);
}

/* The directory that a lock is in */

void access_check_parent(struct request *request, access_rule *rule, access_next *next, access_refuse *refuse)
{
	struct mount *mount = request->mount;
	const struct node *parent = node_parent(mount->nodes, request->node);
	size_t length = key_parent_length(request->key);

	begin(request, rule, next, refuse);
	if (length == 0)
		parent = mount->nodes->root;
	if (is_root(request)) {
		next(request);
		return;
	}
	if (parent && find_known(request, parent, &request->access.of)) {
		decide(request);
		return;
	}
	request->access.path = strndup(request->key, length);
	if (request->access.path)
		backend_read(mount->backend, request->access.path, on_dir_read, request);
	else
		refuse(request, -ENOMEM);
}

/* Opening a lock */

int access_mask_of(int flags)
{
	static const int by_mode[] = { [O_RDONLY] = R_OK, [O_WRONLY] = W_OK, [O_RDWR] = R_OK | W_OK, [O_ACCMODE] = R_OK | W_OK };

	return by_mode[flags & O_ACCMODE] | (flags & O_TRUNC ? W_OK : 0);
}

/* Called with the permissions of the lock. */
static void open_by_lock_or_dir(struct request *request)
{
	request->access.by_dir = access_by_mask(request) < 0;
	if (!request->access.by_dir)
		request->access.next(request);
	else
		access_check_parent(request, access_change, request->access.next, request_reply);
}

void access_check_open(struct request *request, int flags, access_next *next)
{
	request->access.mask = access_mask_of(flags);
	request->access.next = next;
	check_node(request, allow_all, open_by_lock_or_dir, request_reply);
}

bool access_allows(const struct request *request, const struct entry *entry, int mask)
{
	const struct permissions lock = permissions_of_entry(request, entry);
	struct credentials caller;

	access_caller(request, &caller);
	return permission_check(&caller, &lock, mask) == 0;
}

/* Removing a name */

static bool is_sticky_for(const struct request *request)
{
	struct credentials caller;

	access_caller(request, &caller);
	return (request->access.of.mode & S_ISVTX) && !permission_is_owner(&caller, &request->access.of);
}

/* Continues if the name belongs to the caller. */
static void remove_if_own(struct request *request, uid_t owner)
{
	if (owner == fuse_req_ctx(request->fuse)->uid)
		request->access.next(request);
	else
		request->access.refuse(request, -EPERM);
}

static void on_removed_read(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;
	struct stat attr;

	/* Without a lock no holding may be released: one that is acquired by now can be another user's. */
	request->access.match = match_token(0);
	if (status == -ENOENT) {
		request->access.next(request); /* which finds nothing, too, and tells of that attempt */
		return;
	}
	if (status < 0) {
		request->access.refuse(request, status);
		return;
	}
	attr = attr_of_entry(request->mount, request->node, entry, fuse_req_ctx(request->fuse));
	if (entry->kind == ENTRY_LOCK)
		request->access.match = match_token(entry->lock.token);
	remove_if_own(request, attr.st_uid);
}

/*
 * Finds the owner of what is removed from a sticky directory. The kernel has usually just looked the name up, and the
 * node that it was given names one holding by its token, whose user never changes: if another holding has the key by now,
 * the release of that token finds nothing. That spares a round trip, and is as safe as reading the lock first.
 * A LOOKUP of another name may have come in between, and then the lock is read. The identity of the caller does not
 * tell: a session also holds what another user in it has acquired.
 *
 * A shared lock is always read, for the holding of the caller: the LOOKUP may have been that of another holder.
 */
static void check_owner(struct request *request)
{
	const struct node *found = node_find(request->mount->nodes, request->node->found_last);

	if (found && node_is_of_holding(found) && !found->is_shared && strcmp(found->name.path, request->key) == 0 &&
		owner_is_certain(request, found)) {
		request->access.match = match_token(found->name.token);
		remove_if_own(request, found->permissions.uid);
		return;
	}
	if (!found || !found->is_shared || request_identify(request) < 0)
		request_claim_given_id(request);
	backend_read_as(request->mount->backend, request->key, &request->claim, match_any(), on_removed_read, request);
}

static void check_sticky(struct request *request)
{
	if (is_sticky_for(request))
		check_owner(request);
	else
		request->access.next(request);
}

void access_check_removal(struct request *request, access_next *next, access_refuse *refuse)
{
	request->access.match = match_any();
	request->access.next = next;
	check_node(request, access_change, check_sticky, refuse);
}
