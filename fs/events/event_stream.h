/*
 * Open files of `.events` and `.events.json`: each reads the log from when it was
 * opened on, and waits at its end. Waiting reads and opens are pending requests.
 */
#ifndef FS_EVENTS_EVENT_STREAM_H
#define FS_EVENTS_EVENT_STREAM_H

#include <fuse_lowlevel.h>
#include <uv.h>

#include "backend/util/quota.h"
#include "fs/events/event_gate.h"
#include "fs/events/event_log.h"
#include "fs/holdings/event_interest.h"
#include "fs/holdings/open_file.h"
#include "fs/holdings/pending_request.h"
#include "fs/names/control_node.h"

/*
 * So much more than what was read a stream seems to have, to stat(2). A regular
 * file that seems empty tail(1) reads to its end before it follows it, and this one
 * has none; of one with this size it first reads what there seems to be, in one
 * piece. Nobody else asks for just so much, and who does is told that it ends.
 */
#define EVENT_SIZE_TOLD 4099

struct event_stream;

/* All at one mount. */
struct event_streams {
	struct event_log log;
	struct event_gate gate; /* before it */
	struct event_interest *listening;
	struct pending_requests *pending;
	struct quota *quota; /* of each user */
	struct event_stream *all;
	struct event_stream *opening; /* those that wait for the backend to listen, the first due first */
	int64_t timeout_ms;           /* for so long at the most */
	uv_timer_t timer;
};

void event_streams_init(struct event_streams *streams, uv_loop_t *loop, struct event_interest *listening,
                        struct pending_requests *pending, struct quota *quota, int64_t timeout_ms,
                        const struct dir_access *root);

/* Ends what waits, as the end of the file, before the backend is closed. */
void event_streams_stop(struct event_streams *streams);

/* Closes what the kernel has not closed when a mount ends. */
void event_streams_free(struct event_streams *streams);

/* The backend tells of events from now on, and some may have been missed before. */
void event_streams_gap(struct event_streams *streams);

/* Opens one for the events below `dir`, and replies. */
void event_stream_open(struct event_streams *streams, const char *dir, enum event_format format,
                       struct control_node *special, fuse_req_t req, const struct fuse_file_info *info);

#endif
