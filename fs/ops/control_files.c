/*
 * LOOKUP, GETATTR and OPEN of control files: `.events`, `.events.json` and `.stats` in every directory. Each LOOKUP
 * makes a node of its own, so that a caller learns nothing about what others read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/events/event_line.h"
#include "fs/events/event_stream.h"
#include "fs/mount.h"
#include "fs/names/control_node.h"
#include "fs/names/node.h"
#include "fs/ops/request/attr.h"
#include "fs/ops/request/reply.h"
#include "fs/ops/request/request.h"
#include "fs/ops/stats.h"
#include "fs/ops/table.h"
#include "fs/options.h"
#include "fs/util/reserve.h"
#include "lockfs/backend.h"
#include "lockfs/lock.h"

/* Opens the control file of a request, and replies. */
typedef void control_open_fn(struct request *request);

static void open_events(struct request *request)
{
	event_stream_open(request->mount->streams, request->key, EVENT_TEXT, request->node->control, request->fuse,
		&request->info);
}

static void open_events_json(struct request *request)
{
	event_stream_open(request->mount->streams, request->key, EVENT_JSON, request->node->control, request->fuse,
		&request->info);
}

static void open_stats(struct request *request)
{
	stats_open(request->mount, request->fuse, &request->info);
}

static const struct control_kind {
	const char *name;
	enum node_kind kind;
	off_t extra_size; /* bytes that stat(2) shows beyond those already read */
	control_open_fn *open;
} control_kinds[] = {
	{ ".events", NODE_EVENTS, EVENT_SIZE_TOLD, open_events },
	{ ".events.json", NODE_EVENTS_JSON, EVENT_SIZE_TOLD, open_events_json },
	{ ".stats", NODE_STATS, 0, open_stats },
};

#define KIND_COUNT (sizeof(control_kinds) / sizeof(control_kinds[0]))

static const struct control_kind *kind_of_name(const char *name)
{
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (strcmp(control_kinds[i].name, name) == 0)
			return &control_kinds[i];
	return NULL;
}

static const struct control_kind *kind_of_node(const struct node *node)
{
	size_t i = 0;

	while (control_kinds[i].kind != node_kind(node))
		i++;
	return &control_kinds[i];
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

/* A user who may list the directory may read its control files. */
#define LISTING_BITS 0444

static struct node *make_node(struct request *request, mode_t mode, uid_t uid, gid_t gid)
{
	struct node_table *nodes = request->mount->nodes;
	struct control_node *control = calloc(1, sizeof(*control));
	struct node *node;

	if (!control)
		return NULL;
	*control = (struct control_node){ .users = 1, .mode = mode & LISTING_BITS, .uid = uid, .gid = gid };
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
	if (attr_is_fixed(request->node))
		reply_found(request, request->mount->options->mode, request->mount->options->uid,
			request->mount->options->gid);
	else
		backend_read(request->mount->backend, request->key, on_listed_dir_read, request);
}

void control_file_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct request *request;
	int err;

	if ((info->flags & O_ACCMODE) != O_RDONLY || (info->flags & O_TRUNC)) {
		fuse_reply_err(req, EPERM);
		return;
	}
	err = reserve_check(mount_of(req)->reserve);
	if (err < 0) {
		fuse_reply_err(req, -err);
		return;
	}
	request = request_on_node(req, ino, info);
	if (!request)
		return;
	kind_of_node(request->node)->open(request);
	request_end(request);
}
