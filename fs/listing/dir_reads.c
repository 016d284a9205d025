#include "fs/listing/dir_reads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/clock.h"

#define PAUSE_MAX_MS 100

struct dir_read {
	struct pending_request pending;
	struct dir_reads *reads;
	struct dir_stream *stream; /* NULL: given up, while its page is under way */
	dir_read_done *done;
	void *ctx;
	struct listing listing;
	int64_t patient_until_ns; /* CLOCK_BOOTTIME */
	bool is_pending;
	bool interrupted;
	struct dir_read *prev, *next;
	char path[];
};

static void free_read(struct dir_read *read)
{
	if (read->listing.more)
		backend_list_end(read->reads->backend, &read->listing);
	free(read);
}

/* Answers the request. What is left is freed by the caller. */
static void answer(struct dir_read *read, int status)
{
	struct dir_stream *stream = read->stream;

	if (read->is_pending)
		pending_request_end(&read->pending);
	read->is_pending = false;
	read->stream = NULL;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): one that was answered does not wait any more */
	stream->reading = NULL;
	if (status < 0)
		dir_stream_begin(stream);
	else
		dir_stream_end(stream);
	read->done(read->ctx, status);
}

/* Ends one that waits, or whose page is under way, which then frees it. */
static void end_early(struct dir_read *read, int status)
{
	struct dir_reads *reads = read->reads;

	answer(read, status);
	if (read == reads->asking)
		return;
	DL_DELETE(reads->waiting, read);
	free_read(read);
}

/* Programs do not expect that reading a directory is interrupted, so it is only where it takes long. */
static bool has_lost_patience(const struct dir_read *read)
{
	return read->interrupted && boot_ns() >= read->patient_until_ns;
}

static void on_interrupted(struct pending_request *pending)
{
	struct dir_read *read = (struct dir_read *)pending;

	pending_request_end(pending);
	read->is_pending = false;
	read->interrupted = true;
	if (has_lost_patience(read))
		end_early(read, -EINTR);
}

static void on_turn(uv_idle_t *turn);
static void on_pause(uv_timer_t *pause);

static bool is_armed(const struct dir_reads *reads)
{
	return uv_is_active((const uv_handle_t *)&reads->pause) || uv_is_active((const uv_handle_t *)&reads->turn);
}

/*
 * Asks for the next page: after a pause as long as the last one took, where the backend has much
 * to do. (A timer of 0 ms that is set within a timer's call runs in that same turn with libuv before 1.45.)
 */
static void arm(struct dir_reads *reads)
{
	int64_t pause_ms = (boot_ns() - reads->asked_ns) / NS_PER_MS;

	if (!reads->waiting || reads->asking || uv_is_closing((uv_handle_t *)&reads->turn))
		return;
	if (pause_ms == 0) {
		uv_idle_start(&reads->turn, on_turn);
		return;
	}
	uv_update_time(reads->pause.loop);
	uv_timer_start(&reads->pause, on_pause, (uint64_t)(pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS), 0);
}

static void on_page(struct listing *listing, int status, const struct list_item *items, size_t count)
{
	struct dir_read *read = listing->ctx;
	struct dir_reads *reads = read->reads;

	reads->asking = NULL;
	if (read->stream && status == 0)
		status = dir_stream_add(read->stream, items, count, listing->repeats, listing->expected);
	if (read->stream && status == 0 && listing->more && has_lost_patience(read))
		status = -EINTR;
	if (read->stream && status == 0 && listing->more) {
		DL_APPEND(reads->waiting, read);
	} else {
		if (read->stream)
			answer(read, status);
		free_read(read);
	}
	arm(reads);
}

static void ask(struct dir_reads *reads)
{
	struct dir_read *read = reads->waiting;

	if (!read || reads->asking)
		return;
	DL_DELETE(reads->waiting, read);
	reads->asking = read;
	reads->asked_ns = boot_ns();
	backend_list(reads->backend, &read->listing);
}

static void on_turn(uv_idle_t *turn)
{
	uv_idle_stop(turn);
	ask(turn->data);
}

static void on_pause(uv_timer_t *pause)
{
	ask(pause->data);
}

void dir_reads_start(struct dir_reads *reads, struct dir_stream *stream, const char *path, fuse_req_t fuse,
                     dir_read_done *done, void *ctx)
{
	struct dir_read *read = calloc(1, sizeof(*read) + strlen(path) + 1);

	/* Of one stream the kernel asks for one thing at a time, unless who asked first was killed. */
	dir_reads_give_up(stream, -EINTR);
	dir_stream_begin(stream);
	if (!read) {
		done(ctx, -ENOMEM);
		return;
	}
	read->reads = reads;
	read->stream = stream;
	read->done = done;
	read->ctx = ctx;
	stpcpy(read->path, path);
	read->listing = (struct listing){ .path = read->path, .done = on_page, .ctx = read };
	read->patient_until_ns = boot_ns() + reads->patience_ns;
	stream->reading = read;
	DL_APPEND(reads->waiting, read);
	if (!is_armed(reads))
		ask(reads);
	if (stream->reading) {
		read->pending.on_end = on_interrupted;
		read->is_pending = true;
		pending_request_begin(reads->pending, &read->pending, fuse);
	}
}

void dir_reads_give_up(struct dir_stream *stream, int status)
{
	if (stream->reading)
		end_early(stream->reading, status);
}

void dir_reads_init(struct dir_reads *reads, uv_loop_t *loop, struct pending_requests *pending, int64_t timeout_ms)
{
	*reads = (struct dir_reads){ .pending = pending, .patience_ns = timeout_ms * NS_PER_MS };
	uv_timer_init(loop, &reads->pause);
	uv_idle_init(loop, &reads->turn);
	reads->pause.data = reads;
	reads->turn.data = reads;
}

void dir_reads_stop(struct dir_reads *reads)
{
	while (reads->waiting)
		end_early(reads->waiting, -ESHUTDOWN);
	if (reads->asking && reads->asking->stream)
		end_early(reads->asking, -ESHUTDOWN);
	uv_close((uv_handle_t *)&reads->pause, NULL);
	uv_close((uv_handle_t *)&reads->turn, NULL);
}
