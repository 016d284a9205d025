/*
 * Open files of `.events` and `.events.json`. A stream reads the events that happen after
 * it was opened, and waits at the end of the log. Waiting reads, and opens that wait until
 * the backend reports events, are pending requests.
 */
#ifndef FS_EVENTS_EVENT_STREAM_H
#define FS_EVENTS_EVENT_STREAM_H

#include <fuse_lowlevel.h>
#include <uv.h>

#include "backend/util/deadlines.h"
#include "backend/util/quota.h"
#include "fs/events/event_gate.h"
#include "fs/events/event_log.h"
#include "fs/holdings/event_interest.h"
#include "fs/holdings/open_file.h"
#include "fs/holdings/pending_request.h"
#include "fs/names/control_node.h"

/*
 * 4099 bytes: stat(2) shows the size of a stream as the bytes read so far plus this. tail(1)
 * reads a regular file of size 0 to its end before it follows it, and a stream has no end.
 * With a size it first reads just the bytes up to that size, in one read. Such a read, which
 * no other program makes by chance, is answered with the end of the file.
 */
#define EVENT_SIZE_TOLD 4099

struct event_stream;

/* All at one mount. */
struct event_streams {
	struct event_log log;
	struct event_gate gate; /* passes events to the log */
	struct event_interest *event_interest;
	struct pending_requests *pending;
	struct quota *quota; /* streams and other open files of each user */
	struct event_stream *all;
	struct deadlines opening; /* opens that wait until the backend reports events */
	int64_t timeout_ms;       /* longest wait of an open */
};

/* Returns 0 or a negative errno. */
int event_streams_init(struct event_streams *streams, uv_loop_t *loop, struct event_interest *event_interest,
                       struct pending_requests *pending, struct quota *quota, int64_t timeout_ms,
                       const struct permissions *root);

/* Answers waiting reads with the end of the file, and fails waiting opens, before the backend is closed. */
void event_streams_stop(struct event_streams *streams);

/* Closes the streams that the kernel has not closed when a mount ends. */
void event_streams_free(struct event_streams *streams);

/* The backend reports events from now on, and may have missed some before: streams read a GAP event. */
void event_streams_gap(struct event_streams *streams);

/* Opens a stream of the events below `dir` that `who`, the caller, may know of, and replies. */
void event_stream_open(struct event_streams *streams, const char *dir, enum event_format format,
                       struct control_node *control, const struct credentials *who, fuse_req_t req,
                       const struct fuse_file_info *info);

#endif
