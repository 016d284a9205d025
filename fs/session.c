#include "fs/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "fs/attach.h"
#include "fs/daemon.h"
#include "fs/fuse_log.h"
#include "fs/log.h"

/* So many requests are taken before timers and other descriptors have their turn. */
#define REQUESTS_A_TURN 64

struct session {
	struct fs *fs;
	struct fuse_session *fuse;
	struct attachment *attachment;
	struct fuse_buf buffer;
	uv_poll_t poll;
	uv_signal_t signals[END_SIGNAL_COUNT];
	bool announced;
	bool ending; /* requests are still served, until */
	bool ended;
	bool failed;
};

static void close_signals(struct session *session)
{
	for (size_t i = 0; i < END_SIGNAL_COUNT; i++)
		uv_close((uv_handle_t *)&session->signals[i], NULL);
}

/* Stops watching, has the backend answer what is under way, and unmounts. */
static void finish(void *ctx)
{
	struct session *session = ctx;

	session->ended = true;
	fs_stop(session->fs);
	uv_close((uv_handle_t *)&session->poll, NULL);
	close_signals(session);
	/* Nobody is served any more, so nobody must be left waiting while the backend closes. */
	attach_end(session->attachment);
}

/* First the notifier ends, which may have to wait for an answer to a request. */
static void session_end(struct session *session)
{
	if (session->ending)
		return;
	session->ending = true;
	notifier_stop(&session->fs->notifier, finish, session);
}

/* Likewise, where there will be no more requests. */
static void session_break(struct session *session)
{
	uv_poll_stop(&session->poll);
	session_end(session);
}

/* The kernel has been answered, so that callers can come now. */
static void announce(struct session *session)
{
	session->announced = true;
	if (attach_show(session->attachment) < 0) {
		session->failed = true;
		session_break(session);
	} else if (daemon_ready() < 0) {
		session_end(session);
	}
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
			log_line(LOG_ERR, "cannot read requests of %s: %s", session->fs->options->mountpoint,
				strerror(-got));
			session->failed = true;
		}
		session_break(session);
		return false;
	}
	fuse_session_process_buf(session->fuse, &session->buffer);
	waiters_end_told(&session->fs->waiters);
	/* The first request is to come to terms, and what libfuse could not answer it does not tell us. */
	if (fuse_session_exited(session->fuse) || !session->fs->answers) {
		fuse_log_complain("serve", session->fs->options->mountpoint);
		session->failed = true;
		session_break(session);
	} else if (!session->announced && !session->ending) {
		announce(session);
	}
	return !session->ended;
}

static void on_requests(uv_poll_t *poll, int status, int events)
{
	struct session *session = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < REQUESTS_A_TURN; i++)
		if (!serve_one(session))
			break;
	spin_worked(&session->fs->spin, SPIN_REQUEST);
}

static void on_end_signal(uv_signal_t *handle, int signal)
{
	(void)signal;
	session_end(handle->data);
}

/* Before there is a mount, so that no signal leaves one behind. */
static int watch_signals(struct session *session, uv_loop_t *loop)
{
	int err = 0;

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
	return uv_poll_start(&session->poll, UV_READABLE, on_requests);
}

struct session *session_start(uv_loop_t *loop, struct fs *fs, struct fuse_args *arguments)
{
	struct session *session = calloc(1, sizeof(*session));
	int err;

	if (!session) {
		log_line(LOG_ERR, "%s", strerror(ENOMEM));
		return NULL;
	}
	session->fs = fs;
	session->attachment = attach_new(fs->options);
	if (!session->attachment)
		goto fail;
	session->fuse = fuse_session_new(arguments, &fs_ops, sizeof(fs_ops), fs);
	if (!session->fuse) {
		fuse_log_complain("mount", fs->options->mountpoint);
		goto fail_attachment;
	}
	fs->notifier.session = session->fuse;
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
		log_line(LOG_ERR, "cannot watch %s: %s", fs->options->mountpoint, strerror(-err));
	close_signals(session);
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
	attach_free(session->attachment);
	free(session->buffer.mem);
	free(session);
	return status;
}
