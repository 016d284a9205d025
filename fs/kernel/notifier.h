/*
 * Tells the kernel that files are gone, and which names it may forget. Telling it may wait for a directory that a
 * request holds, and that request may wait for the loop: so it is done by a thread
 * of its own, the only one beside the loop, which holds nothing and which nobody
 * waits for. It begins with the first file.
 */
#ifndef FS_KERNEL_NOTIFIER_H
#define FS_KERNEL_NOTIFIER_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <uv.h>

struct notice;

/* Names that wait to be forgotten, as the thread may have to wait for a request. */
#define NOTIFIER_FORGETS_MAX 1024

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
	size_t forgets; /* in the queue */

	void (*stopped)(void *ctx); /* of notifier_stop() */
	void *ctx;
};

void notifier_init(struct notifier *notifier, uv_loop_t *loop);

/* The file `name` in `parent`, which the kernel knows as `child`, is gone. */
void notifier_delete(struct notifier *notifier, fuse_ino_t parent, fuse_ino_t child, const char *name);

/*
 * The kernel need not remember `name` in `parent`: it forgets what nobody uses of it and
 * below it. Nothing is told while as many names as NOTIFIER_FORGETS_MAX wait to be.
 */
void notifier_forget(struct notifier *notifier, fuse_ino_t parent, const char *name);

/* Names that the kernel was not told yet that it may forget. */
size_t notifier_forgets(struct notifier *notifier);

/*
 * Ends the thread, and calls `stopped` from the loop when it has; before this
 * returns where there is none. Requests have to be served until then.
 */
void notifier_stop(struct notifier *notifier, void (*stopped)(void *ctx), void *ctx);

#endif
