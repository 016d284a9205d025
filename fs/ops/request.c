#include "fs/ops/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/util/clock.h"
#include "fs/caller/process.h"
#include "fs/caller/signal_recipient.h"
#include "fs/holdings/holding.h"
#include "fs/holdings/inotify.h"
#include "fs/holdings/lock_file.h"
#include "fs/kernel/notifier.h"
#include "fs/names/known_nodes.h"
#include "fs/names/reserved_name.h"
#include "fs/names/stale_retry.h"
#include "fs/ops/attr.h"
#include "fs/options.h"
#include "fs/util/log.h"
#include "fs/util/reserve.h"
#include "lockfs/event.h"
#include "lockfs/lock.h"

/* So long after a name was found wrongly every name is asked for: longer than the kernel takes to look again. */
#define ASK_NS (5 * NS_PER_S)

static struct request *request_make(fuse_req_t fuse, struct node *node, const struct fuse_file_info *info)
{
	struct request *request = calloc(1, sizeof(*request));

	if (!request) {
		fuse_reply_err(fuse, ENOMEM);
		return NULL;
	}
	request->fuse = fuse;
	request->mount = mount_of(fuse);
	request->node = node;
	if (info)
		request->info = *info;
	return request;
}

struct request *request_on_node(fuse_req_t fuse, fuse_ino_t number, const struct fuse_file_info *info)
{
	struct node *node = node_find(mount_of(fuse)->nodes, number);
	struct request *request;

	if (!node) {
		fuse_reply_err(fuse, ESTALE);
		return NULL;
	}
	request = request_make(fuse, node, info);
	if (!request)
		return NULL;
	stpcpy(request->key, node->name.path);
	request->token = request_token(request);
	return request;
}

struct request *request_on_name(fuse_req_t fuse, fuse_ino_t parent, const char *name,
                                const struct fuse_file_info *info)
{
	struct node *node = node_find(mount_of(fuse)->nodes, parent);
	char key[LOCK_KEY_MAX + 1];
	struct request *request;
	int err;

	if (!node) {
		fuse_reply_err(fuse, ESTALE);
		return NULL;
	}
	err = node_kind(node) == NODE_DIR ? name_join(node->name.path, name, key) : -EPERM;
	if (err < 0) {
		fuse_reply_err(fuse, -err);
		return NULL;
	}
	request = request_make(fuse, node, info);
	if (request)
		stpcpy(request->key, key);
	return request;
}

/* Once for a mount, as it holds for many callers or none. */
static void log_hidden(struct mount *mount)
{
	if (mount->told_hidden)
		return;
	mount->told_hidden = true;
	log_line(LOG_WARNING, "the daemon of %s cannot see the processes or sessions of some callers: "
		"all of them that are one user's count as one holder. "
		"Run the daemon in their namespace of processes and with its /proc, or have them use .with/id=ID",
		mount->options->mountpoint);
}

int request_identify(struct request *request)
{
	const struct fuse_ctx *asker = fuse_req_ctx(request->fuse);
	const char *id = mount_given_id(request->mount, request->node);
	int err = caller_identify(request->mount->callers, asker->pid, asker->uid, &request->caller);

	if (id)
		request->claim = (struct lock_claim){ .id = id };
	else
		request->claim = (struct lock_claim){ .identity = request->caller.identity };
	if (!id && request->caller.by_user)
		log_hidden(request->mount);
	return id ? 0 : err;
}

void request_claim_id(struct request *request)
{
	request->claim = (struct lock_claim){ .id = mount_given_id(request->mount, request->node) };
}

bool request_identify_or_reply(struct request *request)
{
	int err = request_identify(request);

	if (err < 0)
		request_reply(request, err);
	return err == 0;
}

/* The id that proves that the descriptor through which a request comes is the holder's, or NULL. */
static const char *proof_of(const struct request *request)
{
	const struct node *node = request->node;

	if (!node_is_lock(node))
		return NULL;
	if (request->info.fh)
		return lock_file_proof(lock_file_of(&request->info));
	if (node_kind(node) == NODE_LOCK)
		return NULL;
	return lock_files_proof(request->mount->lock_files, request->token, node->number, node_kind(node) == NODE_ACQUIRED);
}

bool request_identify_holder_or_reply(struct request *request)
{
	const char *id = proof_of(request);
	int err = request_identify(request);

	if (id) {
		/* The file may be unlocked or closed before the backend is asked. */
		stpcpy(request->proof, id);
		request->claim = (struct lock_claim){ .id = request->proof };
		return true;
	}
	if (err < 0)
		request_reply(request, err);
	return err == 0;
}

/* May who looks a lock up find the node of the descriptors that acquired it? */
static bool is_acquirer(struct request *request, const struct node *acquired, const struct lock *lock)
{
	if (acquired->creators == 0)
		return true;
	return request_identify(request) == 0 && lock_is_held_by(lock, &request->claim) &&
		lock_files_acquired_by(request->mount->lock_files, lock->token, request->caller.process);
}

struct node *request_look_up_lock(struct request *request, const struct lock *lock)
{
	struct node_table *nodes = request->mount->nodes;
	struct view *view = request->node->name.view;
	uid_t uid = fuse_req_ctx(request->fuse)->uid;
	struct node *acquired = node_peek(nodes, NODE_ACQUIRED, view, lock->token, request->key);

	if (acquired)
		acquired->eclipsed = node_peek(nodes, NODE_LOCK, view, lock->token, request->key) ||
			!is_acquirer(request, acquired, lock);
	return node_look_up(nodes, acquired && !acquired->eclipsed ? NODE_ACQUIRED : NODE_LOCK, view, lock->token,
		request->key, uid);
}

bool request_admits_node(fuse_req_t fuse, struct node *node)
{
	struct mount *mount = mount_of(fuse);

	if (node->lookups > 1 ||
		known_nodes_admit(&mount->nodes->known, fuse_req_ctx(fuse)->uid, notifier_pending_forgets(mount->notifier)) == 0)
		return true;
	node_forget(mount->nodes, node, 1);
	return false;
}

bool request_count_file_or_reply(struct request *request)
{
	uid_t uid = fuse_req_ctx(request->fuse)->uid;
	int err = reserve_check(request->mount->reserve);

	if (err == 0)
		err = lock_file_count(request->mount->lock_files, uid);
	if (err < 0) {
		request_reply(request, err);
		return false;
	}
	request->counts_file = true;
	request->file_uid = uid;
	return true;
}

struct lock_file *request_open_file(struct request *request, uint64_t token, pid_t acquirer)
{
	struct lock_files *files = request->mount->lock_files;
	struct lock_file *file = token ? lock_file_open(files, request->key, token, acquirer, request->file_uid) :
		lock_file_open_handle(files, request->file_uid);

	if (file)
		request->counts_file = false;
	return file;
}

int request_note_opener(struct request *request, struct lock_file *file)
{
	int err;

	if (!node_view(request->node)->signal)
		return 0;
	err = request_identify(request);
	return err < 0 ? err : process_identify(request->caller.process, &file->opener);
}

int request_take_recipient(struct request *request, pid_t process)
{
	uid_t uid = fuse_req_ctx(request->fuse)->uid;

	request->acquire.recipient = NULL;
	if (!node_view(request->node)->signal)
		return 0;
	/* It could never be told of a loss, which it counts on. */
	if (process == 0 && request->caller.process_hidden)
		return -ESRCH;
	return signal_recipient_get(request->mount->recipients, process, uid, &request->acquire.recipient);
}

void request_drop_recipient(struct request *request)
{
	signal_recipient_put(request->acquire.recipient);
	request->acquire.recipient = NULL;
}

bool request_recall(struct request *request, struct lock *ret)
{
	request->recalled = boot_ns() >= request->mount->recalls_ns &&
		backend_read_cached(request->mount->backend, request->key, ret);
	return request->recalled;
}

bool request_recalled_wrongly(struct request *request)
{
	if (!request->node->cached)
		return false;
	request->node->cached = false;
	request->mount->recalls_ns = boot_ns() + ASK_NS;
	return true;
}

/* Was the end of its holding told of to who asks so: through this descriptor, or else the node? */
static bool was_told(const struct request *request)
{
	return request->info.fh ? lock_file_has_ended(lock_file_of(&request->info)) : node_has_ended(request->node);
}

void request_end_holding(struct request *request)
{
	/* Another foreign lock may have the token by now, which goes on. */
	if (!request->token || (token_is_foreign(request->token) && was_told(request)))
		return;
	node_end(request->mount->nodes, request->node, request->token);
	holdings_end(request->mount->holdings, request->key, request->token, true);
}

bool request_finds_holding(struct request *request, int status, const struct entry *entry)
{
	if (entry_is_holding(status, entry, request->token))
		return true;
	if (status == 0 || status == -ENOENT)
		request_end_holding(request);
	return false;
}

bool request_has_ended(const struct request *request)
{
	return request->token &&
		(was_told(request) || holdings_has_ended(request->mount->holdings, request->key, request->token));
}

void request_end(struct request *request)
{
	if (request->counts_file)
		lock_file_uncount(request->mount->lock_files, request->file_uid);
	free(request);
}

void request_reply(struct request *request, int status)
{
	fuse_reply_err(request->fuse, -status);
	request_end(request);
}

int request_stale_or(struct request *request, int otherwise)
{
	pid_t thread = fuse_req_ctx(request->fuse)->pid;

	return stale_retry_or(request->mount->retries, thread, request->key, request->node->number, otherwise);
}

void request_reply_stale(struct request *request, int otherwise)
{
	request_reply(request, request->info.fh ? -ESTALE : request_stale_or(request, otherwise));
}

void request_reply_ended(struct request *request)
{
	request_end_holding(request);
	if (ended_status(request) == -ESTALE)
		request_reply_stale(request, -ENOENT);
	else
		request_reply(request, -ENOENT);
}

void request_refuse_refresh(struct request *request)
{
	backend_tell(request->mount->backend, EVENT_FAILED_REFRESH, request->key, match_any());
	request_reply_stale(request, -ENOENT);
}

void request_done(void *ctx, int status)
{
	request_reply(ctx, status);
}

static struct node *look_up_dir(struct request *request)
{
	struct node_table *nodes = request->mount->nodes;
	struct view *view = request->node->name.view;

	return node_look_up(nodes, NODE_DIR, view, dir_token(nodes, view), request->key, fuse_req_ctx(request->fuse)->uid);
}

/* `node` NULL: there is no memory for it. */
static void reply_node(struct request *request, struct node *node, const struct entry *entry)
{
	struct mount *mount = request->mount;

	if (!node) {
		request_reply(request, -ENOMEM);
		return;
	}

	struct fuse_entry_param reply = {
		.ino = node->number,
		.attr = attr_of_entry(mount, node, entry, fuse_req_ctx(request->fuse)),
		.attr_timeout = attr_keep(node),
	};
	stale_retries_looked_up(mount->retries, fuse_req_ctx(request->fuse)->pid, request->key, node->number);
	node->cached = request->recalled;
	node_belongs_to(node, reply.attr.st_uid, reply.attr.st_gid);
	/* A reply that nobody took did not count as a lookup either. */
	if (fuse_reply_entry(request->fuse, &reply) < 0)
		node_forget(mount->nodes, node, 1);
	else if (entry->kind == ENTRY_LOCK)
		inotify_watches_add(mount->inotify, node, &entry->lock, false);
	request_end(request);
}

void request_reply_entry(struct request *request, const struct entry *entry)
{
	struct node *node = entry->kind == ENTRY_LOCK ? request_look_up_lock(request, &entry->lock) :
		look_up_dir(request);

	if (node && !request_admits_node(request->fuse, node))
		request_reply(request, -ENFILE);
	else
		reply_node(request, node, entry);
}

void request_reply_made_dir(struct request *request)
{
	const struct entry entry = { .kind = ENTRY_DIR, .dir = request->dir };

	reply_node(request, look_up_dir(request), &entry);
}

void request_reply_attr(struct request *request, const struct entry *entry)
{
	struct stat attr = attr_of_entry(request->mount, request->node, entry, fuse_req_ctx(request->fuse));

	fuse_reply_attr(request->fuse, &attr, attr_keep(request->node));
	request_end(request);
}

void request_reply_open(struct request *request, struct lock_file *file)
{
	request->info.fh = (uintptr_t)file;
	file->node = request->node->number;
	request->info.direct_io = 1; /* every read sees the holder's content of now */
	if (fuse_reply_open(request->fuse, &request->info) < 0)
		lock_file_close(file);
	else
		request->node->files++;
	request_end(request);
}

void request_reply_buf(struct request *request, const void *data, size_t size)
{
	fuse_reply_buf(request->fuse, data, size);
	request_end(request);
}

int ended_status(const struct request *request)
{
	return request->node->files > 0 ? -ESTALE : -ENOENT;
}

uint64_t request_token(const struct request *request)
{
	if (!node_is_lock(request->node))
		return 0;
	return request->info.fh ? lock_file_token(lock_file_of(&request->info)) : node_token(request->node);
}
