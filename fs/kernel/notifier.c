#include "fs/kernel/notifier.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct notice {
	fuse_ino_t parent;
	fuse_ino_t child; /* 0: its name is to be forgotten, whatever it is */
	struct notice *prev, *next;
	char name[];
};

static void drop_all(struct notifier *notifier)
{
	while (notifier->queue) {
		struct notice *notice = notifier->queue;

		DL_DELETE(notifier->queue, notice);
		free(notice);
	}
}

/* Waits for a notice; NULL: it is to end. */
static struct notice *take(struct notifier *notifier)
{
	struct notice *notice = NULL;

	uv_mutex_lock(&notifier->mutex);
	while (!notifier->ends && !notifier->queue)
		uv_cond_wait(&notifier->wanted, &notifier->mutex);
	if (!notifier->ends) {
		notice = notifier->queue;
		DL_DELETE(notifier->queue, notice);
		notifier->forgets -= notice->child == 0;
	}
	uv_mutex_unlock(&notifier->mutex);
	return notice;
}

static void run(void *data)
{
	struct notifier *notifier = data;
	struct notice *notice;

	while ((notice = take(notifier))) {
		/* If the kernel does not know it any more, nobody is to be told. */
		if (notice->child)
			fuse_lowlevel_notify_delete(notifier->session, notice->parent, notice->child, notice->name,
				strlen(notice->name));
		else
			fuse_lowlevel_notify_inval_entry(notifier->session, notice->parent, notice->name,
				strlen(notice->name));
		free(notice);
	}
	uv_async_send(&notifier->ended);
}

static void on_closed(uv_handle_t *handle)
{
	struct notifier *notifier = handle->data;

	notifier->stopped(notifier->ctx);
}

static void on_ended(uv_async_t *async)
{
	struct notifier *notifier = async->data;

	uv_thread_join(&notifier->thread);
	drop_all(notifier);
	uv_cond_destroy(&notifier->wanted);
	uv_mutex_destroy(&notifier->mutex);
	notifier->runs = false;
	uv_close((uv_handle_t *)async, on_closed);
}

void notifier_init(struct notifier *notifier, uv_loop_t *loop)
{
	*notifier = (struct notifier){ .loop = loop };
}

/* Signals are the loop's. */
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

/* False where it cannot be; then nobody is told. */
static bool start(struct notifier *notifier)
{
	if (notifier->runs)
		return true;
	if (uv_mutex_init(&notifier->mutex) < 0)
		return false;
	if (uv_cond_init(&notifier->wanted) < 0)
		goto fail_mutex;
	if (uv_async_init(notifier->loop, &notifier->ended, on_ended) < 0)
		goto fail_cond;
	notifier->ended.data = notifier;
	notifier->runs = start_thread(notifier) == 0;
	if (notifier->runs)
		return true;
	uv_close((uv_handle_t *)&notifier->ended, NULL);
	notifier->ends = true; /* its handle is used up */
fail_cond:
	uv_cond_destroy(&notifier->wanted);
fail_mutex:
	uv_mutex_destroy(&notifier->mutex);
	return false;
}

static void enqueue(struct notifier *notifier, fuse_ino_t parent, fuse_ino_t child, const char *name)
{
	struct notice *notice;
	bool is_full;

	if (notifier->ends || !start(notifier))
		return;
	notice = malloc(sizeof(*notice) + strlen(name) + 1);
	if (!notice)
		return;
	notice->parent = parent;
	notice->child = child;
	stpcpy(notice->name, name);
	uv_mutex_lock(&notifier->mutex);
	is_full = child == 0 && notifier->forgets >= NOTIFIER_FORGETS_MAX;
	if (!is_full) {
		notifier->forgets += child == 0;
		DL_APPEND(notifier->queue, notice);
		uv_cond_signal(&notifier->wanted);
	}
	uv_mutex_unlock(&notifier->mutex);
	if (is_full)
		free(notice);
}

void notifier_delete(struct notifier *notifier, fuse_ino_t parent, fuse_ino_t child, const char *name)
{
	enqueue(notifier, parent, child, name);
}

void notifier_forget(struct notifier *notifier, fuse_ino_t parent, const char *name)
{
	enqueue(notifier, parent, 0, name);
}

size_t notifier_forgets(struct notifier *notifier)
{
	size_t forgets;

	if (!notifier->runs)
		return 0;
	uv_mutex_lock(&notifier->mutex);
	forgets = notifier->forgets;
	uv_mutex_unlock(&notifier->mutex);
	return forgets;
}

void notifier_stop(struct notifier *notifier, void (*stopped)(void *ctx), void *ctx)
{
	notifier->stopped = stopped;
	notifier->ctx = ctx;
	if (!notifier->runs) {
		notifier->ends = true;
		stopped(ctx);
		return;
	}
	uv_mutex_lock(&notifier->mutex);
	notifier->ends = true;
	uv_cond_signal(&notifier->wanted);
	uv_mutex_unlock(&notifier->mutex);
}
