/*
 * Opens, reads, polls and closes event streams. An open succeeds only once the backend
 * reports events, so that nothing that happens after it is missed.
 */
#include "fs/events/event_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/clock.h"
#include "backend/util/container_of.h"
#include "backend/util/heap.h"
#include "fs/caller/permission.h"
#include "fs/events/event_line.h"
#include "lockfs/backend.h"
#include "lockfs/event.h"

/* 128 KiB: most bytes that one read returns. */
#define READ_MAX (128 * 1024)

/* A read that waits for events. */
struct event_read {
	struct pending_request pending;
	struct event_stream *stream;
	size_t size;
	struct event_read *prev, *next;
};

struct event_stream {
	struct open_file open_file;   /* first: the kernel's file handle points to it */
	struct event_streams *streams;
	struct event_reader reader;
	struct control_node *control;
	struct event_read *reads;     /* waiting reads, oldest first */
	struct fuse_pollhandle *poll; /* of the process that polls, or NULL */
	struct event_stream *prev, *next;

	uid_t uid;    /* the user who opened it and in whose quota it counts */
	bool is_open; /* the open was answered, and `reader` is in the log */

	/* While it is being opened: */
	struct pending_request pending;
	struct heap_item opening; /* due when the open has waited for too long */
	struct fuse_file_info info;

	char dir[];
};

static struct event_stream *stream_of(const struct fuse_file_info *info)
{
	return (struct event_stream *)open_file_of(info);
}

static struct event_stream *stream_of_reader(struct event_reader *reader)
{
	return container_of(reader, struct event_stream, reader);
}

/* Reading */

/* Replies to a read with the events that there are. Returns false, and does not reply, if there are none. */
static bool reply_news(struct event_stream *stream, fuse_req_t req, size_t size)
{
	char *buffer = malloc(size < READ_MAX ? size : READ_MAX);
	ssize_t got = -ENOMEM;

	if (buffer)
		got = event_log_read(&stream->streams->log, &stream->reader, buffer, size < READ_MAX ? size : READ_MAX);
	if (got < 0)
		fuse_reply_err(req, (int)-got);
	else if (got > 0)
		fuse_reply_buf(req, buffer, (size_t)got);
	if (got > 0)
		stream->control->read += (uint64_t)got;
	free(buffer);
	return got != 0;
}

/* Takes out a waiting read, and returns the request for the reply. */
static fuse_req_t end_read(struct event_read *read)
{
	fuse_req_t fuse = pending_request_end(&read->pending);

	DL_DELETE(read->stream->reads, read);
	free(read);
	return fuse;
}

static void on_read_interrupted(struct pending_request *pending)
{
	fuse_reply_err(end_read((struct event_read *)pending), EINTR);
}

static void set_poll(struct event_stream *stream, struct fuse_pollhandle *handle)
{
	if (stream->poll)
		fuse_pollhandle_destroy(stream->poll);
	stream->poll = handle;
}

static void on_news(void *ctx, struct event_reader *reader)
{
	struct event_stream *stream = stream_of_reader(reader);

	(void)ctx;
	while (stream->reads && event_reader_has_news(reader)) {
		size_t size = stream->reads->size;

		reply_news(stream, end_read(stream->reads), size);
	}
	if (!stream->poll || !event_reader_has_news(reader))
		return;
	/* The kernel takes no lock for this that a request could hold. */
	fuse_lowlevel_notify_poll(stream->poll);
	set_poll(stream, NULL);
}

static void wait_for_news(struct event_stream *stream, fuse_req_t req, size_t size)
{
	struct event_read *read = calloc(1, sizeof(*read));

	if (!read) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	read->stream = stream;
	read->size = size;
	read->pending.on_end = on_read_interrupted;
	DL_APPEND(stream->reads, read);
	pending_request_begin(stream->streams->pending, &read->pending, req);
}

static void stream_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
	struct event_stream *stream = stream_of(info);
	bool waits = !(info->flags & O_NONBLOCK);

	(void)ino;
	if (size == 0 || (waits && (uint64_t)offset + size == stream->control->read + EVENT_SIZE_TOLD))
		fuse_reply_buf(req, NULL, 0);
	else if (!stream->reads && reply_news(stream, req, size))
		return;
	else if (waits)
		wait_for_news(stream, req, size);
	else
		fuse_reply_err(req, EAGAIN);
}

static void stream_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct fuse_pollhandle *handle)
{
	struct event_stream *stream = stream_of(info);

	(void)ino;
	if (handle)
		set_poll(stream, handle);
	fuse_reply_poll(req, event_reader_has_news(&stream->reader) ? POLLIN | POLLRDNORM : 0);
}

/* Opening and closing */

static void close_stream(struct event_stream *stream)
{
	struct event_streams *streams = stream->streams;

	DL_DELETE(streams->all, stream);
	quota_give(streams->quota, stream->uid, 1);
	if (stream->is_open)
		event_log_leave(&streams->log, &stream->reader);
	event_interest_leave(streams->event_interest, LISTEN_ALL);
	set_poll(stream, NULL);
	control_node_put(stream->control);
	free(stream);
}

static void stream_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	close_stream(stream_of(info));
	fuse_reply_err(req, 0);
}

static void reply_opened(struct event_stream *stream, fuse_req_t req)
{
	stream->is_open = true;
	stream->reader.since = stream->streams->gate.number;
	event_log_join(&stream->streams->log, &stream->reader);
	stream->info.fh = (uintptr_t)&stream->open_file;
	stream->info.direct_io = 1;
	stream->info.noflush = 1; /* close(2) sends no FLUSH, which it would wait for even if the daemon is gone */
	if (fuse_reply_open(req, &stream->info) < 0)
		close_stream(stream);
}

/* Returns the open that has waited longest, or NULL if none waits. */
static struct event_stream *first_opening(const struct event_streams *streams)
{
	struct heap_item *first = heap_first(&streams->opening.heap);

	return first ? container_of(first, struct event_stream, opening) : NULL;
}

/* Takes out a waiting open, and returns the request for the reply. */
static fuse_req_t end_opening(struct event_stream *stream)
{
	heap_remove(&stream->streams->opening.heap, &stream->opening);
	return pending_request_end(&stream->pending);
}

static void fail_opening(struct event_stream *stream, int error)
{
	fuse_reply_err(end_opening(stream), error);
	close_stream(stream);
}

static void on_open_interrupted(struct pending_request *pending)
{
	fail_opening(container_of(pending, struct event_stream, pending), EINTR);
}

static void on_due(struct deadlines *opening)
{
	struct event_stream *stream;

	while ((stream = first_opening(container_of(opening, struct event_streams, opening))) && stream->opening.due <= boot_ns())
		fail_opening(stream, EHOSTDOWN);
	deadlines_arm(opening);
}

static void wait_for_backend(struct event_stream *stream, fuse_req_t req)
{
	struct event_streams *streams = stream->streams;

	if (heap_insert(&streams->opening.heap, &stream->opening, boot_ns() + streams->timeout_ms * NS_PER_MS) < 0) {
		fuse_reply_err(req, ENOMEM);
		close_stream(stream);
		return;
	}
	deadlines_arm(&streams->opening);
	stream->pending.on_end = on_open_interrupted;
	pending_request_begin(streams->pending, &stream->pending, req);
}

void event_stream_open(struct event_streams *streams, const char *dir, enum event_format format,
                       struct control_node *control, const struct credentials *who, fuse_req_t req,
                       const struct fuse_file_info *info)
{
	uid_t uid = fuse_req_ctx(req)->uid;
	int err = quota_take(streams->quota, uid, 1);
	struct event_stream *stream;

	if (err < 0) {
		fuse_reply_err(req, -err);
		return;
	}
	stream = calloc(1, sizeof(*stream) + strlen(dir) + 1);
	if (!stream) {
		quota_give(streams->quota, uid, 1);
		fuse_reply_err(req, ENOMEM);
		return;
	}
	stream->uid = uid;
	stpcpy(stream->dir, dir);
	stream->open_file.ops = &event_stream_ops;
	stream->streams = streams;
	stream->reader.dir = stream->dir;
	stream->reader.format = format;
	stream->reader.who = *who;
	stream->control = control_node_hold(control);
	stream->info = *info;
	DL_APPEND(streams->all, stream);
	event_interest_join(streams->event_interest, LISTEN_ALL);
	if (streams->event_interest->active)
		reply_opened(stream, req);
	else
		wait_for_backend(stream, req);
}

const struct open_file_ops event_stream_ops = {
	.read = stream_read,
	.write = refuse_write,
	.fsync = refuse_fsync,
	.poll = stream_poll,
	.flock = refuse_flock,
	.setlk = refuse_setlk,
	.getlk = refuse_getlk,
	.flush = ignore_flush,
	.release = stream_release,
};

/* All streams */

void event_streams_gap(struct event_streams *streams)
{
	struct lock_event gap = { .kind = EVENT_GAP, .time_us = epoch_ns() / 1000 };
	struct event_stream *stream;

	/* Streams whose open is still waiting have missed nothing, so they do not get the GAP. */
	event_gate_add(&streams->gate, &gap);
	while ((stream = first_opening(streams)))
		reply_opened(stream, end_opening(stream));
}

int event_streams_init(struct event_streams *streams, uv_loop_t *loop, struct event_interest *event_interest,
                       struct pending_requests *pending, struct quota *quota, int64_t timeout_ms,
                       const struct permissions *root)
{
	int err;

	*streams = (struct event_streams){
		.log = { .on_news = on_news },
		.event_interest = event_interest,
		.pending = pending,
		.quota = quota,
		.timeout_ms = timeout_ms,
	};
	err = deadlines_init(&streams->opening, loop, on_due);
	if (err == 0)
		event_gate_init(&streams->gate, loop, &streams->log, root);
	return err;
}

void event_streams_stop(struct event_streams *streams)
{
	struct event_stream *stream;

	while ((stream = first_opening(streams)))
		fail_opening(stream, ESHUTDOWN);
	DL_FOREACH(streams->all, stream)
		while (stream->reads)
			fuse_reply_buf(end_read(stream->reads), NULL, 0);
	event_gate_stop(&streams->gate);
	deadlines_close(&streams->opening, NULL);
}

void event_streams_free(struct event_streams *streams)
{
	while (streams->all)
		close_stream(streams->all);
	event_gate_free(&streams->gate);
}
