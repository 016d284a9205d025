/*
 * LOOKUP, GETATTR and OPEN of control files: `.events`, `.events.json`, `.stats`, `.status`, `.status.json`, `.locks` and
 * `.locks.json` in every directory. Each LOOKUP makes a node of its own, so that a caller learns nothing about what others read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/caller/caller.h"
#include "fs/caller/permission.h"
#include "fs/events/event_line.h"
#include "fs/events/event_stream.h"
#include "fs/mount.h"
#include "fs/names/control_node.h"
#include "fs/names/node.h"
#include "fs/ops/locks_file.h"
#include "fs/ops/request/access.h"
#include "fs/ops/request/attr.h"
#include "fs/ops/request/reply.h"
#include "fs/ops/request/request.h"
#include "fs/ops/stats.h"
#include "fs/ops/status.h"
#include "fs/ops/table.h"
#include "fs/options.h"
#include "fs/util/reserve.h"
#include "lockfs/backend.h"
#include "lockfs/lock.h"

/* Opens the control file of a request, and replies. */
typedef void control_open_fn(struct request *request);

static void open_stream(struct request *request, enum event_format format)
{
	struct mount *mount = request->mount;
	struct credentials who;

	credentials_keep(&who, request->fuse, mount->callers->sees_processes);
	event_stream_open(mount->streams, request->key, format, request->node->control, &who, request->fuse, &request->info);
}

static void open_events(struct request *request)
{
	open_stream(request, EVENT_TEXT);
}

static void open_events_json(struct request *request)
{
	open_stream(request, EVENT_JSON);
}

static void open_stats(struct request *request)
{
	stats_open(request->mount, request->fuse, &request->info);
}

static void open_status(struct request *request)
{
	status_open(request->mount, request->fuse, &request->info, false);
}

static void open_status_json(struct request *request)
{
	status_open(request->mount, request->fuse, &request->info, true);
}

static void open_locks(struct request *request)
{
	locks_file_open(request, false);
}

static void open_locks_json(struct request *request)
{
	locks_file_open(request, true);
}

/* A user who may list the directory may read what is about it; all may read what is about the mount and its server. */
#define LISTING_BITS 0444
#define FOR_ALL 0444

static const struct control_kind {
	const char *name;
	enum node_kind kind;
	mode_t added;     /* permission bits beside those of the directory */
	off_t extra_size; /* bytes that stat(2) shows beyond those already read */
	control_open_fn *open;
} control_kinds[] = {
	{ ".events", NODE_EVENTS, 0, EVENT_SIZE_TOLD, open_events },
	{ ".events.json", NODE_EVENTS_JSON, 0, EVENT_SIZE_TOLD, open_events_json },
	{ ".stats", NODE_STATS, 0, 0, open_stats },
	{ ".status", NODE_STATUS, FOR_ALL, 0, open_status },
	{ ".status.json", NODE_STATUS_JSON, FOR_ALL, 0, open_status_json },
	{ ".locks", NODE_LOCKS, 0, 0, open_locks },
	{ ".locks.json", NODE_LOCKS_JSON, 0, 0, open_locks_json },
};

#define KIND_COUNT (sizeof(control_kinds) / sizeof(control_kinds[0]))

static const struct control_kind *kind_of_name(const char *name)
{
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (strcmp(control_kinds[i].name, name) == 0)
			return &control_kinds[i];
	return NULL;
}

static const struct control_kind *find_kind(enum node_kind kind)
{
	size_t i = 0;

	while (control_kinds[i].kind != kind)
		i++;
	return &control_kinds[i];
}

static const struct control_kind *kind_of_node(const struct node *node)
{
	return find_kind(node_kind(node));
}

static struct stat attr_of(const struct node *node)
{
	const struct control_kind *kind = kind_of_node(node);
	const struct control_node *control = node->control;
	char path[LOCK_KEY_MAX + 32];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(path, sizeof(path), "%s/%s", node->name.path, kind->name);
	return (struct stat){
		.st_ino = path_inode(path),
		.st_mode = S_IFREG | control->mode,
		.st_nlink = 1,
		.st_uid = control->uid,
		.st_gid = control->gid,
		.st_size = (off_t)control->read + kind->extra_size,
		.st_blksize = LOCK_CONTENT_MAX,
		.st_atim = now,
		.st_mtim = now,
		.st_ctim = now,
	};
}

void control_file_reply_attr(fuse_req_t req, const struct node *node)
{
	struct stat attr = attr_of(node);

	fuse_reply_attr(req, &attr, 0);
}

static struct node *make_node(struct request *request, mode_t mode, uid_t uid, gid_t gid)
{
	struct node_table *nodes = request->mount->nodes;
	struct control_node *control = calloc(1, sizeof(*control));
	struct node *node;

	if (!control)
		return NULL;
	mode = (mode & LISTING_BITS) | find_kind(request->control_kind)->added;
	*control = (struct control_node){ .users = 1, .mode = mode, .uid = uid, .gid = gid };
	node = node_look_up(nodes, request->control_kind, request->node->name.view, node_unique(nodes), request->key,
		fuse_req_ctx(request->fuse)->uid);
	if (node)
		node->control = control;
	else
		free(control);
	return node;
}

static void reply_found(struct request *request, mode_t mode, uid_t uid, gid_t gid)
{
	struct node *node = make_node(request, mode, uid, gid);
	struct fuse_entry_param reply;

	if (!node || !request_admits_node(request->fuse, node)) {
		request_reply(request, node ? -ENFILE : -ENOMEM);
		return;
	}
	reply = (struct fuse_entry_param){ .ino = node->number, .attr = attr_of(node) };
	if (fuse_reply_entry(request->fuse, &reply) < 0)
		node_forget(request->mount->nodes, node, 1);
	request_end(request);
}

static void on_listed_dir_read(void *ctx, int status, const struct entry *entry)
{
	struct request *request = ctx;

	if (status == 0 && entry->kind != ENTRY_DIR)
		status = -ENOTDIR;
	if (status < 0)
		request_reply(request, status);
	else
		reply_found(request, entry->dir.mode, entry->dir.uid, entry->dir.gid);
}

static void look_up_control(struct request *request)
{
	if (attr_is_fixed(request->node))
		reply_found(request, request->mount->options->mode, request->mount->options->uid,
			request->mount->options->gid);
	else
		backend_read(request->mount->backend, request->key, on_listed_dir_read, request);
}

void control_file_look_up(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct control_kind *kind = kind_of_name(name);
	struct request *request;

	if (!kind) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	request = request_on_node(req, parent, NULL);
	if (!request)
		return;
	request->control_kind = kind->kind;
	access_check(request, access_search, look_up_control);
}

static void open_control(struct request *request)
{
	int err = reserve_check(request->mount->reserve);

	if ((request->info.flags & O_ACCMODE) != O_RDONLY || (request->info.flags & O_TRUNC))
		err = -EPERM;
	if (err < 0) {
		request_reply(request, err);
		return;
	}
	kind_of_node(request->node)->open(request);
	request_end(request);
}

void control_file_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct request *request = request_on_node(req, ino, info);

	if (!request)
		return;
	request->access.mask = access_mask_of(info->flags);
	access_check(request, access_by_mask, open_control);
}
