/*
 * The FUSE session and how it ends, in phases (enum phase). While it ends, requests are still served: RELEASE of the last open
 * file ends a busy mount, and the notifier may wait for the reply to a request.
 */
#include "fs/start/fuse_session.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/holdings/pending_request.h"
#include "fs/holdings/renewal.h"
#include "fs/holdings/waiter.h"
#include "fs/kernel/busy_poll.h"
#include "fs/kernel/notifier.h"
#include "fs/mount.h"
#include "fs/ops/locks_file.h"
#include "fs/ops/table.h"
#include "fs/options.h"
#include "fs/start/mounting/attach.h"
#include "fs/start/process/daemonize.h"
#include "fs/start/process/watchdog.h"
#include "fs/util/fuse_log.h"
#include "fs/util/log.h"
#include "fs/util/reserve.h"
#include "lockfs/backend.h"

/* Requests read in one loop iteration, before timers and other descriptors are served. */
#define REQUESTS_A_TURN 64

/* Requests are served in every phase before ENDED. */
enum phase {
	SERVING,
	DRAINING, /* an end was requested; waits until no lock is bound to an open file */
	SETTLING, /* no lock is bound; waits for the backend's replies to the releases under way */
	STOPPING, /* waits for the notifier's thread to end; acquisitions are refused */
	ENDED,
};

struct session {
	struct mount *mount;
	struct fuse_session *fuse;
	struct attachment *attachment;
	pid_t watchdog; /* 0: none */
	struct fuse_buf buffer;
	uv_poll_t poll;
	uv_signal_t signals[END_SIGNAL_COUNT];
	uv_prepare_t before_sleep; /* runs before each sleep of the loop once an end was requested */
	uv_timer_t settle_timer;   /* bounds phase SETTLING */
	enum phase phase;
	bool forced;      /* end even while locks are bound to open files */
	bool logged_busy; /* the log says that locks are bound to open files */
	bool announced;   /* the mount was made visible, or that failed */
	bool aborted;     /* the connection was aborted, and the mount is dead as if the daemon had been killed */
	bool failed;      /* session_free() returns -1 */
};

static void close_handles(struct session *session)
{
	uv_close((uv_handle_t *)&session->before_sleep, NULL);
	uv_close((uv_handle_t *)&session->settle_timer, NULL);
	for (size_t i = 0; i < END_SIGNAL_COUNT; i++)
		uv_close((uv_handle_t *)&session->signals[i], NULL);
}

/* Ending, because of a signal or because the kernel has no more requests */

/* Logs the bound holdings that are not released: they end with their leases. */
static void log_unreleased(const struct session *session)
{
	char text[RENEWALS_TEXT_MAX];

	if (renewals_print(session->mount->holdings, text) > 0)
		log_line(LOG_WARNING, "the daemon of %s ends, and leaves to its lease what is bound to open files: %s",
			session->mount->options->mountpoint, text);
}

/* Closes all handles, lets the backend complete the calls under way, and unmounts. Called when the notifier's thread has ended. */
static void finish(void *ctx)
{
	struct session *session = ctx;

	session->phase = ENDED;
	log_unreleased(session);
	/* After a failure or an abort, the next daemon goes on with the locks, where the backend keeps them for it. */
	if (!session->failed && !session->aborted)
		backend_forget(session->mount->backend);
	locks_files_stop(session->mount);
	mount_stop(session->mount);
	uv_close((uv_handle_t *)&session->poll, NULL);
	close_handles(session);
	/* No request is served from here on, so callers get an error now rather than wait until the backend is closed. */
	attach_end(session->attachment);
}

/* The notifier's thread may wait in the kernel for the reply to a request, so requests are served until it has ended. */
static void stop_notifier(struct session *session)
{
	session->phase = STOPPING;
	/* No lock is bound now. The manual promises that a signal ends no bound lock, so no new one may be acquired. */
	waiters_refuse(session->mount->waiters);
	uv_timer_stop(&session->settle_timer);
	uv_prepare_stop(&session->before_sleep);
	notifier_stop(session->mount->notifier, finish, session);
}

static void on_settle_timeout(uv_timer_t *timer)
{
	stop_notifier(timer->data);
}

/* Waits for the releases under way, at most for the time limit of backend calls (timeout=). */
static void settle(struct session *session)
{
	session->phase = SETTLING;
	uv_timer_start(&session->settle_timer, on_settle_timeout, (uint64_t)session->mount->options->timeout_ms, 0);
}

static void log_busy(struct session *session)
{
	char text[RENEWALS_TEXT_MAX];

	if (session->logged_busy)
		return;
	session->logged_busy = true;
	renewals_print(session->mount->holdings, text);
	log_line(LOG_WARNING, "%s is busy, and ends when its files are closed; "
		"send the signal again to unmount all the same. Bound to open files: %s",
		session->mount->options->mountpoint, text);
}

/* Runs before the loop sleeps, so it notices every way in which a file is opened or closed, or a release completes. */
static void on_before_sleep(uv_prepare_t *prepare)
{
	struct session *session = prepare->data;
	bool is_busy = !session->forced && renewals_has_bound(session->mount->holdings);

	if (is_busy) {
		session->phase = DRAINING;
		uv_timer_stop(&session->settle_timer);
		log_busy(session);
	} else if (session->phase == DRAINING) {
		settle(session);
	}
	if (session->phase == SETTLING && mount_may_close(session->mount))
		stop_notifier(session);
}

/* Ends the session when no lock is bound to an open file. */
static void request_end(struct session *session)
{
	if (session->phase != SERVING)
		return;
	session->phase = DRAINING;
	uv_prepare_start(&session->before_sleep, on_before_sleep);
}

/* Ends the session, even while locks are bound to open files. */
static void force_end(struct session *session)
{
	session->forced = true;
	request_end(session);
}

/*
 * The kernel has no more requests for one of two reasons. After an unmount no process has a file open, even if no RELEASE
 * came for some (Linux 6.18). After an abort of the connection processes still have descriptors, which answer ENOTCONN.
 * This tells them apart: the root directory can be invalidated while the filesystem exists, also without a connection
 * (fuse_reverse_inval_inode() in the kernel).
 */
static bool was_aborted(const struct session *session)
{
	enum { ATTRIBUTES_ONLY = -1 };

	return fuse_lowlevel_notify_inval_inode(session->fuse, FUSE_ROOT_ID, ATTRIBUTES_ONLY, 0) != -ENOENT;
}

/* Ends the session when there will be no more requests. */
static void connection_lost(struct session *session)
{
	uv_poll_stop(&session->poll);
	session->aborted = was_aborted(session);
	if (!session->aborted)
		mount_release_bound(session->mount);
	force_end(session);
}

/* The first signal waits for bound locks, because callers rely on them. A second one does not. */
static void on_end_signal(uv_signal_t *handle, int signal)
{
	struct session *session = handle->data;

	(void)signal;
	if (session->phase == SERVING)
		request_end(session);
	else
		force_end(session);
}

/*
 * Makes the mount visible after INIT has been answered. Returns false if another daemon's mount won: then no request may be
 * served.
 */
static bool announce(struct session *session)
{
	session->announced = true;
	if (attach_show(session->attachment) < 0) {
		session->failed = true;
		connection_lost(session);
		return false;
	}
	session->watchdog = watchdog_start(attach_filesystem(session->attachment));
	/* If the waiting command was killed, a mount that replaced a dead one stays: its end would uncover the directory. */
	if (daemonize_ready() < 0 && !attach_replaced(session->attachment))
		force_end(session);
	return true;
}

/* The user whose backend calls are bounded (user_calls=), read from the request's header; BACKEND_NOBODY for root and ourselves. */
static uid_t bounded_user_of(const struct fuse_buf *request)
{
	const struct fuse_in_header *header = request->mem;

	return header->uid == 0 || header->uid == geteuid() ? BACKEND_NOBODY : header->uid;
}

/* Serves one request. Returns false if there is none now, or none will follow. */
static bool serve_one(struct session *session)
{
	int got = fuse_session_receive_buf(session->fuse, &session->buffer);

	if (got == -EINTR)
		return true;
	if (got == -EAGAIN)
		return false;
	if (got <= 0) {
		/* ECONNABORTED: the connection ended while a request of it was read, such as the RELEASE of the last close. */
		if (got < 0 && got != -ECONNABORTED) {
			log_line(LOG_ERR, "cannot read requests of %s: %s", session->mount->options->mountpoint,
				strerror(-got));
			session->failed = true;
		}
		connection_lost(session);
		return false;
	}
	reserve_prepare(session->mount->reserve);
	session->mount->current_uid = bounded_user_of(&session->buffer);
	fuse_session_process_buf(session->fuse, &session->buffer);
	session->mount->current_uid = BACKEND_NOBODY;
	pending_requests_end_due(session->mount->pending);
	/* The first request is INIT. libfuse does not report a failure to answer it, but then our INIT handler has not run. */
	if (fuse_session_exited(session->fuse) || !session->mount->is_initialized) {
		fuse_log_complain("serve", session->mount->options->mountpoint);
		session->failed = true;
		connection_lost(session);
		return false;
	}
	if (!session->announced && session->phase == SERVING && !announce(session))
		return false;
	return session->phase != ENDED;
}

static void on_requests(uv_poll_t *poll, int status, int events)
{
	struct session *session = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < REQUESTS_A_TURN; i++)
		if (!serve_one(session))
			break;
	busy_poll_worked(session->mount->busy_poll, BUSY_POLL_REQUEST);
}

/* Called before there is a mount, so that no signal kills the process and leaves a dead mount. */
static int watch_signals(struct session *session, uv_loop_t *loop)
{
	int err = 0;

	uv_prepare_init(loop, &session->before_sleep);
	session->before_sleep.data = session;
	uv_timer_init(loop, &session->settle_timer);
	session->settle_timer.data = session;
	for (size_t i = 0; i < END_SIGNAL_COUNT; i++) {
		uv_signal_init(loop, &session->signals[i]);
		session->signals[i].data = session;
		if (err == 0)
			err = uv_signal_start(&session->signals[i], on_end_signal, end_signals[i]);
	}
	return err;
}

static int watch_requests(struct session *session, uv_loop_t *loop)
{
	int fd = fuse_session_fd(session->fuse);
	int err;

	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return -errno;
	err = uv_poll_init(loop, &session->poll, fd);
	if (err < 0)
		return err;
	session->poll.data = session;
	err = uv_poll_start(&session->poll, UV_READABLE, on_requests);
	if (err < 0)
		uv_close((uv_handle_t *)&session->poll, NULL);
	return err;
}

struct session *session_start(uv_loop_t *loop, struct mount *mount, struct fuse_args *arguments)
{
	struct session *session = calloc(1, sizeof(*session));
	int err;

	if (!session) {
		log_line(LOG_ERR, "%s", strerror(ENOMEM));
		return NULL;
	}
	session->mount = mount;
	session->attachment = attach_new(mount->options);
	if (!session->attachment)
		goto fail;
	session->fuse = fuse_session_new(arguments, &lockfs_ops, sizeof(lockfs_ops), mount);
	if (!session->fuse) {
		fuse_log_complain("mount", mount->options->mountpoint);
		goto fail_attachment;
	}
	mount->notifier->session = session->fuse;
	err = watch_signals(session, loop);
	if (err < 0 || attach_make(session->attachment, session->fuse) < 0)
		goto fail_signals;
	err = watch_requests(session, loop);
	if (err < 0)
		goto fail_mount;
	return session;
fail_mount:
	attach_end(session->attachment);
fail_signals:
	if (err < 0)
		log_line(LOG_ERR, "cannot watch %s: %s", mount->options->mountpoint, strerror(-err));
	close_handles(session);
	uv_run(loop, UV_RUN_NOWAIT); /* completes the closing: the handles are part of the session, which is freed below */
	fuse_session_destroy(session->fuse);
fail_attachment:
	attach_free(session->attachment);
fail:
	free(session);
	return NULL;
}

int session_free(struct session *session)
{
	int status = session->failed ? -1 : 0;

	fuse_session_destroy(session->fuse);
	watchdog_stop(session->watchdog);
	attach_free(session->attachment);
	free(session->buffer.mem);
	free(session);
	return status;
}
