/*
 * Tells the kernel that files are gone. Telling it may wait for a directory that a
 * request holds, and that request may wait for the loop: so it is done by a thread
 * of its own, the only one beside the loop, which holds nothing and which nobody
 * waits for. It begins with the first file.
 */
#ifndef FS_NOTIFIER_H
#define FS_NOTIFIER_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <uv.h>

struct notice;

struct notifier {
	uv_loop_t *loop;
	struct fuse_session *session; /* set by the owner, when there is one */
	bool runs;
	bool ends;

	/* Shared with the thread. */
	uv_thread_t thread;
	uv_mutex_t mutex;
	uv_cond_t wanted;
	uv_async_t ended;
	struct notice *queue;

	void (*stopped)(void *ctx); /* of notifier_stop() */
	void *ctx;
};

void notifier_init(struct notifier *notifier, uv_loop_t *loop);

/* The file `name` in `parent`, which the kernel knows as `child`, is gone. */
void notifier_delete(struct notifier *notifier, fuse_ino_t parent, fuse_ino_t child, const char *name);

/*
 * Ends the thread, and calls `stopped` from the loop when it has; before this
 * returns where there is none. Requests have to be served until then.
 */
void notifier_stop(struct notifier *notifier, void (*stopped)(void *ctx), void *ctx);

#endif
