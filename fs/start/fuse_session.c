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
#include "fs/ops/table.h"
#include "fs/options.h"
#include "fs/start/mounting/attach.h"
#include "fs/start/process/daemonize.h"
#include "fs/start/process/watchdog.h"
#include "fs/util/fuse_log.h"
#include "fs/util/log.h"
#include "fs/util/reserve.h"
#include "lockfs/backend.h"

/* So many requests are taken before timers and other descriptors have their turn. */
#define REQUESTS_A_TURN 64

/* How far the end is. Requests are served until ENDED, if the kernel still has any. */
enum phase {
	SERVING,
	ASKED,    /* it ends with the last lock that is bound to an open file */
	SETTLING, /* none is; the backend is to answer the releases that are under way */
	STOPPING, /* the notifier is to end; nothing is acquired any more */
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
	uv_prepare_t turn; /* of the loop; runs once the session is to end */
	uv_timer_t limit;  /* of phase SETTLING */
	enum phase phase;
	bool forced;    /* it ends also while locks are bound to open files */
	bool told_busy; /* the log says that there are such */
	bool announced;
	bool failed;
};

static void close_handles(struct session *session)
{
	uv_close((uv_handle_t *)&session->turn, NULL);
	uv_close((uv_handle_t *)&session->limit, NULL);
	for (size_t i = 0; i < END_SIGNAL_COUNT; i++)
		uv_close((uv_handle_t *)&session->signals[i], NULL);
}

/* Ending: by a signal, or because the kernel has no more requests */

static void log_left(const struct session *session)
{
	char text[RENEWALS_TEXT_MAX];

	if (renewals_print(session->mount->renewals, text) > 0)
		log_line(LOG_WARNING, "the daemon of %s ends, and leaves to its lease what is bound to open files: %s",
			session->mount->options->mountpoint, text);
}

/* Stops watching, has the backend answer what is under way, and unmounts. */
static void finish(void *ctx)
{
	struct session *session = ctx;

	session->phase = ENDED;
	log_left(session);
	mount_stop(session->mount);
	uv_close((uv_handle_t *)&session->poll, NULL);
	close_handles(session);
	/* Nobody is served any more, so nobody must be left waiting while the backend closes. */
	attach_end(session->attachment);
}

/* The notifier may have to wait for an answer to a request, so that they are served until it has ended. */
static void stop_notifier(struct session *session)
{
	session->phase = STOPPING;
	/* Nothing is bound now. A lock that was bound from here on would end with the mount, unlike what the manual says. */
	waiters_refuse(session->mount->waiters);
	uv_timer_stop(&session->limit);
	uv_prepare_stop(&session->turn);
	notifier_stop(session->mount->notifier, finish, session);
}

static void on_limit(uv_timer_t *limit)
{
	stop_notifier(limit->data);
}

/* Gives the releases that are under way the time that the server has for an answer. */
static void settle(struct session *session)
{
	session->phase = SETTLING;
	uv_timer_start(&session->limit, on_limit, (uint64_t)session->mount->options->timeout_ms, 0);
}

static void log_busy(struct session *session)
{
	char text[RENEWALS_TEXT_MAX];

	if (session->told_busy)
		return;
	session->told_busy = true;
	renewals_print(session->mount->renewals, text);
	log_line(LOG_WARNING, "%s is busy, and ends when its files are closed; "
		"send the signal again to unmount all the same. Bound to open files: %s",
		session->mount->options->mountpoint, text);
}

/* Before the loop sleeps: whatever it was that closed the last file, opened another or answered the last release. */
static void on_turn(uv_prepare_t *turn)
{
	struct session *session = turn->data;
	bool is_busy = !session->forced && renewals_has_bound(session->mount->renewals);

	if (is_busy) {
		session->phase = ASKED;
		uv_timer_stop(&session->limit);
		log_busy(session);
	} else if (session->phase == ASKED) {
		settle(session);
	}
	if (session->phase == SETTLING && mount_is_settled(session->mount))
		stop_notifier(session);
}

/* Ends it as soon as no lock is bound to an open file. */
static void session_ask(struct session *session)
{
	if (session->phase != SERVING)
		return;
	session->phase = ASKED;
	uv_prepare_start(&session->turn, on_turn);
}

/* Ends it. */
static void session_end(struct session *session)
{
	session->forced = true;
	session_ask(session);
}

/*
 * The kernel has no more requests, either because no process has a file open any more,
 * of which RELEASE does not always tell (Linux 6.18), or because somebody aborted the
 * connection: then processes go on with descriptors that answer ENOTCONN. The root
 * directory can be invalidated for as long as the filesystem is there, also without
 * a connection (fuse_reverse_inval_inode() in the kernel).
 */
static bool was_aborted(const struct session *session)
{
	enum { ATTRIBUTES_ONLY = -1 };

	return fuse_lowlevel_notify_inval_inode(session->fuse, FUSE_ROOT_ID, ATTRIBUTES_ONLY, 0) != -ENOENT;
}

/* Ends it where there will be no more requests. */
static void session_break(struct session *session)
{
	uv_poll_stop(&session->poll);
	if (!was_aborted(session))
		mount_let_go(session->mount);
	session_end(session);
}

/* The first one asks, as others rely on locks of this mount. A second one tells. */
static void on_end_signal(uv_signal_t *handle, int signal)
{
	struct session *session = handle->data;

	(void)signal;
	if (session->phase == SERVING)
		session_ask(session);
	else
		session_end(session);
}

/*
 * The kernel has been answered, so that callers can come now. False if ours is not the
 * mount of this directory: what has come meanwhile must not be served.
 */
static bool announce(struct session *session)
{
	session->announced = true;
	if (attach_show(session->attachment) < 0) {
		session->failed = true;
		session_break(session);
		return false;
	}
	session->watchdog = watchdog_start(attach_filesystem(session->attachment));
	/* If the command was killed, a mount that replaced a dead one stays all the same: its end would uncover the directory. */
	if (daemonize_ready() < 0 && !attach_replaced(session->attachment))
		session_end(session);
	return true;
}

/* As the kernel wrote it in front of the request. */
static uid_t asker_of(const struct fuse_buf *request)
{
	const struct fuse_in_header *header = request->mem;

	return header->uid == 0 || header->uid == geteuid() ? BACKEND_NOBODY : header->uid;
}

/* Takes one request: false where there is none, or never will be one again. */
static bool serve_one(struct session *session)
{
	int got = fuse_session_receive_buf(session->fuse, &session->buffer);

	if (got == -EINTR)
		return true;
	if (got == -EAGAIN)
		return false;
	if (got <= 0) {
		if (got < 0) {
			log_line(LOG_ERR, "cannot read requests of %s: %s", session->mount->options->mountpoint,
				strerror(-got));
			session->failed = true;
		}
		session_break(session);
		return false;
	}
	reserve_prepare(session->mount->reserve);
	session->mount->asker = asker_of(&session->buffer);
	fuse_session_process_buf(session->fuse, &session->buffer);
	session->mount->asker = BACKEND_NOBODY;
	pending_requests_end_due(session->mount->pending);
	/* The first request is to come to terms, and what libfuse could not answer it does not tell us. */
	if (fuse_session_exited(session->fuse) || !session->mount->answers) {
		fuse_log_complain("serve", session->mount->options->mountpoint);
		session->failed = true;
		session_break(session);
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

/* Before there is a mount, so that no signal leaves one behind. */
static int watch_signals(struct session *session, uv_loop_t *loop)
{
	int err = 0;

	uv_prepare_init(loop, &session->turn);
	session->turn.data = session;
	uv_timer_init(loop, &session->limit);
	session->limit.data = session;
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
	uv_run(loop, UV_RUN_NOWAIT); /* they are part of the session, which goes now */
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
