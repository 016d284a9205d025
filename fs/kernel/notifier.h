/*
 * Notifies the kernel that a file was deleted, or that a name may be forgotten (FUSE_NOTIFY_DELETE, FUSE_NOTIFY_INVAL_ENTRY).
 * The write to /dev/fuse waits for the lock of the directory. A caller may hold that lock while its request waits for the event
 * loop, so the loop must never make this write. It is made by a thread, the only one beside the loop, which holds no
 * lock meanwhile and for which the loop does not wait. The thread starts with the first notification.
 */
#ifndef FS_KERNEL_NOTIFIER_H
#define FS_KERNEL_NOTIFIER_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <uv.h>

struct notification;

/* Limit of queued notifications that a name may be forgotten; more are dropped. */
#define NOTIFIER_FORGETS_MAX 1024

struct notifier {
	uv_loop_t *loop;
	struct fuse_session *session; /* set by the owner when the session exists */
	bool is_running;
	bool is_stopping; /* notifications are dropped. Protected by `mutex` while the thread runs */

	uv_thread_t thread;
	uv_mutex_t mutex;
	uv_cond_t changed;      /* the queue is not empty, or is_stopping */
	uv_async_t ended;       /* sent by the thread when it ends */
	struct notification *queue; /* protected by `mutex` */
	size_t pending_forgets; /* notifications in the queue that a name may be forgotten; protected by `mutex` */

	void (*on_stopped)(void *ctx); /* argument of notifier_stop() */
	void *ctx;
};

void notifier_init(struct notifier *notifier, uv_loop_t *loop);

/* Notifies the kernel that the file `name` in `parent`, with node id `child`, was deleted. */
void notifier_delete(struct notifier *notifier, fuse_ino_t parent, fuse_ino_t child, const char *name);

/*
 * Notifies the kernel that it may forget `name` in `parent`. The kernel then forgets whatever at and below that name is not in
 * use. Dropped if NOTIFIER_FORGETS_MAX such notifications are queued.
 */
void notifier_forget(struct notifier *notifier, fuse_ino_t parent, const char *name);

/* The number of queued notifications that a name may be forgotten. */
size_t notifier_pending_forgets(struct notifier *notifier);

/*
 * Ends the thread. Calls `on_stopped` from the loop when it has ended, or before returning if there is no thread. Requests must
 * be served until then, because the thread may wait for the reply to one.
 */
void notifier_stop(struct notifier *notifier, void (*on_stopped)(void *ctx), void *ctx);

#endif
