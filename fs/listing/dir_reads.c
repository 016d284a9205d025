/*
 * Reads listings for open directories, one page at a time. Only one page is requested from the backend at once, and
 * after a slow page the next one waits as long as that took, so that other requests are served in between.
 */
#include "fs/listing/dir_reads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/clock.h"

/* The longest pause between two pages. */
#define PAUSE_MAX_MS 100

struct dir_read {
	struct pending_request pending;
	struct dir_reads *reads;
	struct dir_stream *stream; /* NULL: the read was given up, and is freed when its page arrives */
	dir_read_done *done;
	void *ctx;
	struct listing listing;
	int64_t interruptible_ns; /* CLOCK_BOOTTIME: from then on an interrupt ends the read */
	bool is_pending; /* `pending` has begun and not ended */
	bool interrupted;
	struct dir_read *prev, *next; /* in reads->waiting */
	char path[];
};

static void free_read(struct dir_read *read)
{
	if (read->listing.more)
		backend_list_end(read->reads->backend, &read->listing);
	free(read);
}

/* Answers the request. The caller has to free the read, now or when its page arrives. */
static void answer(struct dir_read *read, int status)
{
	struct dir_stream *stream = read->stream;

	if (read->is_pending)
		pending_request_end(&read->pending);
	read->is_pending = false;
	read->stream = NULL;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a read that was answered is not in `waiting` */
	stream->reading = NULL;
	if (status < 0)
		dir_stream_begin(stream);
	else
		dir_stream_end(stream);
	read->done(read->ctx, status);
}

/* Answers a read before its listing is complete. If its page is being requested, on_page() frees the read. */
static void end_early(struct dir_read *read, int status)
{
	struct dir_reads *reads = read->reads;

	answer(read, status);
	if (read == reads->requesting)
		return;
	DL_DELETE(reads->waiting, read);
	free_read(read);
}

/* Programs do not expect EINTR from readdir(3), so an interrupt ends only a read that takes long. */
static bool must_end(const struct dir_read *read)
{
	return read->interrupted && boot_ns() >= read->interruptible_ns;
}

static void on_interrupted(struct pending_request *pending)
{
	struct dir_read *read = (struct dir_read *)pending;

	pending_request_end(pending);
	read->is_pending = false;
	read->interrupted = true;
	if (must_end(read))
		end_early(read, -EINTR);
}

static void on_next_turn(uv_idle_t *turn);
static void on_pause(uv_timer_t *pause);

static bool is_scheduled(const struct dir_reads *reads)
{
	return uv_is_active((const uv_handle_t *)&reads->pause) || uv_is_active((const uv_handle_t *)&reads->turn);
}

/*
 * Schedules the request of the next page: in the next turn of the loop, or after a pause as long as the last page took.
 * An idle handle does the former, because before libuv 1.45 a timer of 0 ms that is started within a timer's callback
 * runs in the same turn.
 */
static void schedule(struct dir_reads *reads)
{
	int64_t pause_ms = (boot_ns() - reads->requested_ns) / NS_PER_MS;

	if (!reads->waiting || reads->requesting || uv_is_closing((uv_handle_t *)&reads->turn))
		return;
	if (pause_ms == 0) {
		uv_idle_start(&reads->turn, on_next_turn);
		return;
	}
	uv_update_time(reads->pause.loop);
	uv_timer_start(&reads->pause, on_pause, (uint64_t)(pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS), 0);
}

static void on_page(struct listing *listing, int status, const struct list_item *items, size_t count)
{
	struct dir_read *read = listing->ctx;
	struct dir_reads *reads = read->reads;

	reads->requesting = NULL;
	if (read->stream && status == 0)
		status = dir_stream_add(read->stream, items, count, listing->repeats, listing->expected);
	if (read->stream && status == 0 && listing->more && must_end(read))
		status = -EINTR;
	if (read->stream && status == 0 && listing->more) {
		DL_APPEND(reads->waiting, read);
	} else {
		if (read->stream)
			answer(read, status);
		free_read(read);
	}
	schedule(reads);
}

static void request_page(struct dir_reads *reads)
{
	struct dir_read *read = reads->waiting;

	if (!read || reads->requesting)
		return;
	DL_DELETE(reads->waiting, read);
	reads->requesting = read;
	reads->requested_ns = boot_ns();
	backend_list(reads->backend, &read->listing);
}

static void on_next_turn(uv_idle_t *turn)
{
	uv_idle_stop(turn);
	request_page(turn->data);
}

static void on_pause(uv_timer_t *pause)
{
	request_page(pause->data);
}

void dir_reads_start(struct dir_reads *reads, struct dir_stream *stream, const char *path, fuse_req_t fuse,
                     dir_read_done *done, void *ctx)
{
	struct dir_read *read = calloc(1, sizeof(*read) + strlen(path) + 1);

	/* The kernel sends one READDIR at a time for each stream, unless the process that sent the first was killed. */
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
	read->interruptible_ns = boot_ns() + reads->interruptible_after_ns;
	stream->reading = read;
	DL_APPEND(reads->waiting, read);
	if (!is_scheduled(reads))
		request_page(reads);
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
	*reads = (struct dir_reads){ .pending = pending, .interruptible_after_ns = timeout_ms * NS_PER_MS };
	uv_timer_init(loop, &reads->pause);
	uv_idle_init(loop, &reads->turn);
	reads->pause.data = reads;
	reads->turn.data = reads;
}

void dir_reads_stop(struct dir_reads *reads)
{
	while (reads->waiting)
		end_early(reads->waiting, -ESHUTDOWN);
	if (reads->requesting && reads->requesting->stream)
		end_early(reads->requesting, -ESHUTDOWN);
	uv_close((uv_handle_t *)&reads->pause, NULL);
	uv_close((uv_handle_t *)&reads->turn, NULL);
}
