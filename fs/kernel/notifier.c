/* A queue between the event loop and the thread that writes notifications to the kernel, in order. */
#include "fs/kernel/notifier.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct notification {
	fuse_ino_t parent;
	fuse_ino_t child; /* node id of a deleted file; 0: the name may be forgotten */
	struct notification *prev, *next;
	char name[];
};

static void drop_all(struct notifier *notifier)
{
	while (notifier->queue) {
		struct notification *notification = notifier->queue;

		DL_DELETE(notifier->queue, notification);
		free(notification);
	}
}

/* Waits for a notification and takes it out of the queue. Returns NULL if the thread is to end. */
static struct notification *take(struct notifier *notifier)
{
	struct notification *notification = NULL;

	uv_mutex_lock(&notifier->mutex);
	while (!notifier->is_stopping && !notifier->queue)
		uv_cond_wait(&notifier->changed, &notifier->mutex);
	if (!notifier->is_stopping) {
		notification = notifier->queue;
		DL_DELETE(notifier->queue, notification);
		notifier->pending_forgets -= notification->child == 0;
	}
	uv_mutex_unlock(&notifier->mutex);
	return notification;
}

static void run(void *data)
{
	struct notifier *notifier = data;
	struct notification *notification;

	while ((notification = take(notifier))) {
		/* An error says that the kernel does not know the name any more; then there is nothing to do. */
		if (notification->child)
			fuse_lowlevel_notify_delete(notifier->session, notification->parent, notification->child, notification->name,
				strlen(notification->name));
		else
			fuse_lowlevel_notify_inval_entry(notifier->session, notification->parent, notification->name,
				strlen(notification->name));
		free(notification);
	}
	uv_async_send(&notifier->ended);
}

static void on_closed(uv_handle_t *handle)
{
	struct notifier *notifier = handle->data;

	notifier->on_stopped(notifier->ctx);
}

static void on_ended(uv_async_t *async)
{
	struct notifier *notifier = async->data;

	uv_thread_join(&notifier->thread);
	drop_all(notifier);
	uv_cond_destroy(&notifier->changed);
	uv_mutex_destroy(&notifier->mutex);
	notifier->is_running = false;
	uv_close((uv_handle_t *)async, on_closed);
}

void notifier_init(struct notifier *notifier, uv_loop_t *loop)
{
	*notifier = (struct notifier){ .loop = loop };
}

/* Starts the thread with all signals blocked, so that they are delivered to the loop. Returns 0 or a negative errno. */
static int start_thread(struct notifier *notifier)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = uv_thread_create(&notifier->thread, run, notifier);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

/* Starts the thread if it does not run yet. Returns false if it cannot; then the notification is dropped. */
static bool start(struct notifier *notifier)
{
	if (notifier->is_running)
		return true;
	if (uv_mutex_init(&notifier->mutex) < 0)
		return false;
	if (uv_cond_init(&notifier->changed) < 0)
		goto fail_mutex;
	if (uv_async_init(notifier->loop, &notifier->ended, on_ended) < 0)
		goto fail_cond;
	notifier->ended.data = notifier;
	notifier->is_running = start_thread(notifier) == 0;
	if (notifier->is_running)
		return true;
	uv_close((uv_handle_t *)&notifier->ended, NULL);
	notifier->is_stopping = true; /* the async handle is being closed and cannot be used again */
fail_cond:
	uv_cond_destroy(&notifier->changed);
fail_mutex:
	uv_mutex_destroy(&notifier->mutex);
	return false;
}

static void enqueue(struct notifier *notifier, fuse_ino_t parent, fuse_ino_t child, const char *name)
{
	struct notification *notification;
	bool is_full;

	if (notifier->is_stopping || !start(notifier))
		return;
	notification = malloc(sizeof(*notification) + strlen(name) + 1);
	if (!notification)
		return;
	notification->parent = parent;
	notification->child = child;
	stpcpy(notification->name, name);
	uv_mutex_lock(&notifier->mutex);
	is_full = child == 0 && notifier->pending_forgets >= NOTIFIER_FORGETS_MAX;
	if (!is_full) {
		notifier->pending_forgets += child == 0;
		DL_APPEND(notifier->queue, notification);
		uv_cond_signal(&notifier->changed);
	}
	uv_mutex_unlock(&notifier->mutex);
	if (is_full)
		free(notification);
}

void notifier_delete(struct notifier *notifier, fuse_ino_t parent, fuse_ino_t child, const char *name)
{
	enqueue(notifier, parent, child, name);
}

void notifier_forget(struct notifier *notifier, fuse_ino_t parent, const char *name)
{
	enqueue(notifier, parent, 0, name);
}

size_t notifier_pending_forgets(struct notifier *notifier)
{
	size_t pending_forgets;

	if (!notifier->is_running)
		return 0;
	uv_mutex_lock(&notifier->mutex);
	pending_forgets = notifier->pending_forgets;
	uv_mutex_unlock(&notifier->mutex);
	return pending_forgets;
}

void notifier_stop(struct notifier *notifier, void (*on_stopped)(void *ctx), void *ctx)
{
	notifier->on_stopped = on_stopped;
	notifier->ctx = ctx;
	if (!notifier->is_running) {
		notifier->is_stopping = true;
		on_stopped(ctx);
		return;
	}
	uv_mutex_lock(&notifier->mutex);
	notifier->is_stopping = true;
	uv_cond_signal(&notifier->changed);
	uv_mutex_unlock(&notifier->mutex);
}
