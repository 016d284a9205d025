/* Opens and closes lock files, and binds holdings to them. What an open file proves is decided here, too. */
#include "fs/holdings/lock_file.h"

#include <poll.h>
#include <stdlib.h>
#include <utlist.h>

#include "fs/holdings/posix_lock.h"
#include "fs/holdings/renewal.h"
#include "fs/names/node.h"
#include "lockfs/lock.h"

static void set_poll(struct lock_file *file, struct fuse_pollhandle *handle)
{
	if (file->poll)
		fuse_pollhandle_destroy(file->poll);
	file->poll = handle;
}

/*
 * Another foreign holding may have the same key and token later. The node of an open file
 * remembers the end by itself, because fgetxattr(2) carries the node and no file handle.
 */
static void end_node(const struct lock_file *file)
{
	struct node *node = node_find(file->files->nodes, file->node);

	if (node)
		node_end(file->files->nodes, node, lock_file_token(file));
}

static void on_ended(struct holding_member *member)
{
	struct lock_file *file = lock_file_of_member(member);

	if (token_is_foreign(lock_file_token(file)))
		end_node(file);
	if (!file->poll)
		return;
	/* The kernel takes no lock for this that a request could hold, so the notifier's thread is not needed. */
	fuse_lowlevel_notify_poll(file->poll);
	set_poll(file, NULL);
}

int lock_file_count(struct lock_files *files, uid_t uid)
{
	return quota_take(&files->quota, uid, 1);
}

void lock_file_uncount(struct lock_files *files, uid_t uid)
{
	quota_give(&files->quota, uid, 1);
}

static struct lock_file *make(struct lock_files *files, uid_t uid)
{
	struct lock_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->open_file.ops = &lock_file_ops;
	file->member.on_ended = on_ended;
	file->files = files;
	file->uid = uid;
	return file;
}

struct lock_file *lock_file_open(struct lock_files *files, const char *key, uint64_t token, pid_t acquirer, uid_t uid)
{
	struct lock_file *file = make(files, uid);

	if (!file)
		return NULL;
	if (holding_join(files->holdings, &file->member, key, token) < 0) {
		free(file);
		return NULL;
	}
	file->acquirer = acquirer;
	DL_APPEND(files->all, file);
	return file;
}

struct lock_file *lock_file_open_handle(struct lock_files *files, uid_t uid)
{
	struct lock_file *file = make(files, uid);

	if (file)
		DL_APPEND(files->all, file);
	return file;
}

void lock_file_close(struct lock_file *file)
{
	struct lock_files *files = file->files;
	struct renewal *renewal;

	posix_locks_close(file);
	renewal = holding_unbind(&file->member);
	holding_leave(&file->member);
	if (renewal)
		renewal_release(renewal, NULL, NULL);
	set_poll(file, NULL);
	lock_file_uncount(files, file->uid);
	DL_DELETE(files->all, file);
	free(file->id);
	free(file);
}

void lock_file_discard(struct lock_file *file)
{
	struct renewal *renewal = holding_unbind(&file->member);

	if (renewal)
		renewal_discard(renewal);
	lock_file_close(file);
}

void lock_files_free(struct lock_files *files)
{
	while (files->all)
		lock_file_close(files->all);
	quota_free(&files->quota);
}

bool lock_file_has_ended(const struct lock_file *file)
{
	return holding_member_has_ended(&file->member);
}

uint64_t lock_file_token(const struct lock_file *file)
{
	return holding_member_token(&file->member);
}

/* A node stands for the holding `token` from now on, and no longer for the one `before` (0: none). */
static void replace_holding(struct node_table *nodes, struct node *node, uint64_t before, uint64_t token)
{
	if (before && before != token)
		node_end(nodes, node, before);
	node_bind(node, token);
}

/* The holding of the file was just bound to it: its node stands for that now, and no longer for the one `before`. */
static void bind_node(struct lock_file *file, uint64_t before, const struct permissions *permissions)
{
	struct node_table *nodes = file->files->nodes;
	struct node *node = node_find(nodes, file->node);
	uint64_t token = lock_file_token(file);

	if (!node)
		return;
	replace_holding(nodes, node, before, token);
	node->permissions = *permissions;
	/* A foreign token can come again as another holding, which must not find this node by name. */
	if (node_is_of_holding(node) && node->name.token != token)
		node_unname(nodes, node);
}

int lock_file_bind(struct lock_file *file, const struct lock *lock, const char *id, int signal, struct signal_recipient *recipient)
{
	/* Copies, as binding may call the backend, which ends the life of `lock`. */
	uint64_t before = lock_file_token(file);
	const struct permissions permissions = {
		.mode = S_IFREG | lock->permissions,
		.uid = lock->holder.uid,
		.gid = lock->holder.gid,
	};
	enum lock_mode mode = lock->mode;
	int err = holding_bind(file->files->holdings, &file->member, lock, id, signal, recipient);

	if (err < 0)
		return err;
	file->may_write = true;
	file->mode = mode;
	bind_node(file, before, &permissions);
	if (file->poll)
		holding_watch(&file->member);
	return 0;
}

int lock_file_convert(struct lock_file *file, const struct lock *lock)
{
	struct lock_files *files = file->files;
	uint64_t before = lock_file_token(file);
	uint64_t token = lock->token;
	enum lock_mode mode = lock->mode;
	struct holding_member *member;
	int err = holding_convert(files->holdings, &file->member, lock);

	if (err < 0)
		return err;
	DL_FOREACH(holdings_members(files->holdings, token), member) {
		struct lock_file *other = lock_file_of_member(member);
		struct node *node = node_find(files->nodes, other->node);

		other->mode = mode;
		if (node)
			replace_holding(files->nodes, node, before, token);
	}
	return 0;
}

/* Prepares the nodes of the open files of a holding for its move. Returns 0, -ENOMEM, or -EBUSY: fcntl(2) has one locked. */
static int move_nodes(const struct lock_files *files, struct holding_member *first, const char *key)
{
	struct holding_member *member;
	int err = 0;

	DL_FOREACH(first, member) {
		const struct lock_file *file = lock_file_of_member(member);
		struct node *node = node_find(files->nodes, file->node);

		if (file->posix_uses || file->attempts > 0)
			err = -EBUSY;
		if (err == 0 && node)
			err = node_move(node, key);
		if (err < 0)
			break;
	}
	return err;
}

void lock_files_move(struct lock_files *files, const char *key, uint64_t token, const struct lock *lock)
{
	struct holding_member *first = holdings_members(files->holdings, token);
	struct holding_member *member;
	int err = first ? move_nodes(files, first, lock->key) : -ENOENT;

	if (err == 0)
		err = lock_file_convert(lock_file_of_member(first), lock);
	if (err < 0) {
		holdings_end(files->holdings, key, token, true);
		return;
	}
	DL_FOREACH(holdings_members(files->holdings, lock->token), member) {
		struct lock_file *file = lock_file_of_member(member);

		if (file->acquired == token)
			file->acquired = lock->token;
	}
}

struct renewal *lock_file_unbind(struct lock_file *file)
{
	uint64_t token = lock_file_token(file);
	struct renewal *renewal = holding_unbind(&file->member);
	struct node *node = node_find(file->files->nodes, file->node);

	holding_leave(&file->member);
	file->may_write = false;
	file->flocked = false;
	if (node && node->bound_token == token)
		node->bound_token = 0;
	return renewal;
}

struct renewal *lock_file_unbind_if_unclaimed(struct lock_file *file)
{
	return file->member.bound && !lock_file_is_claimed(file) ? lock_file_unbind(file) : NULL;
}

void lock_file_drop_lost(struct lock_file *file)
{
	if (!file->member.bound)
		return;
	posix_locks_close(file);
	file->flocked = false;
	holding_drop_lost(&file->member);
}

void lock_file_share(struct lock_file *file, struct lock_file *other)
{
	const struct node *node = node_find(file->files->nodes, other->node);
	uint64_t before = lock_file_token(file);

	holding_share(&file->member, &other->member);
	file->may_write = true;
	file->mode = other->mode;
	if (node)
		bind_node(file, before, &node->permissions);
	if (file->poll)
		holding_watch(&file->member);
}

unsigned int lock_file_poll(struct lock_file *file, struct fuse_pollhandle *handle)
{
	if (handle) {
		set_poll(file, handle);
		holding_watch(&file->member);
	}
	if (lock_file_has_ended(file))
		return POLLERR | POLLHUP;
	/* poll(2) reports this of every regular file. */
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

bool lock_files_acquired_by(const struct lock_files *files, uint64_t token, pid_t process)
{
	const struct holding_member *member;

	if (process == 0)
		return false;
	DL_FOREACH(holdings_members(files->holdings, token), member)
		if (lock_file_of_member(member)->acquirer == process)
			return true;
	return false;
}

const char *lock_file_proof(const struct lock_file *file)
{
	if (file->member.bound)
		return holding_member_id(&file->member);
	return file->acquired && file->acquired == lock_file_token(file) ? file->id : NULL;
}

const char *lock_files_proof(const struct lock_files *files, uint64_t token, fuse_ino_t number, bool created)
{
	const struct holding_member *member;

	if (!token)
		return NULL;
	DL_FOREACH(holdings_members(files->holdings, token), member) {
		const struct lock_file *file = lock_file_of_member(member);

		if (file->node == number && (file->id || !created) && lock_file_proof(file))
			return lock_file_proof(file);
	}
	return NULL;
}
