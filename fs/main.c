#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "fs/daemon.h"
#include "fs/fs.h"
#include "fs/log.h"
#include "fs/mountpoint.h"
#include "fs/options.h"
#include "fs/session.h"

enum { EXIT_USAGE = 2 };

/* Whether the backend was reached, as backend_start() tells it. */
struct start {
	bool answered;
	int status;
};

static void on_started(void *ctx, int status, const char *problem)
{
	struct start *start = ctx;

	start->answered = true;
	start->status = status;
	if (status < 0)
		log_line(LOG_ERR, "%s", problem ? problem : strerror(-status));
}

/* Opens and reaches the backend; returns 0, or -1 after a line was logged. */
static int reach_backend(uv_loop_t *loop, struct fs *fs)
{
	char problem[BACKEND_PROBLEM_MAX] = "";
	struct start start = { .answered = false };
	struct backend_config config = {
		.loop = loop,
		.source = fs->options->source,
		.namespace_ = fs->options->namespace_,
		.timeout_ms = fs->options->timeout_ms,
		.on_event = fs_on_event,
		.ctx = fs,
	};

	if (backend_open(&config, &fs->backend, problem) < 0) {
		log_line(LOG_ERR, "%s", problem);
		return -1;
	}
	backend_start(fs->backend, on_started, &start);
	while (!start.answered)
		uv_run(loop, UV_RUN_ONCE);
	if (start.status < 0) {
		backend_close(fs->backend);
		return -1;
	}
	return 0;
}

/* Mounts and serves until the end. */
static int serve(const struct options *options)
{
	struct fs fs = { 0 };
	struct session *session = NULL;
	uv_loop_t loop;
	int status = EXIT_FAILURE;
	int err = uv_loop_init(&loop);

	if (err < 0) {
		log_line(LOG_ERR, "cannot make an event loop: %s", uv_strerror(err));
		return EXIT_FAILURE;
	}
	err = fs_init(&fs, options);
	if (err < 0) {
		log_line(LOG_ERR, "cannot start: %s", strerror(-err));
		goto out;
	}
	if (reach_backend(&loop, &fs) < 0)
		goto out;
	session = session_start(&loop, &fs);
	if (!session) {
		backend_close(fs.backend);
		goto out;
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	if (session_free(session) == 0)
		status = EXIT_SUCCESS;
out:
	/* Whatever was closed on the way finishes here. */
	uv_run(&loop, UV_RUN_DEFAULT);
	fs_free(&fs);
	uv_loop_close(&loop);
	return status;
}

int main(int argc, char **argv)
{
	struct options options;
	int status = EXIT_FAILURE;

	signal(SIGPIPE, SIG_IGN);
	switch (options_parse(argc, argv, &options)) {
	case OPTIONS_DONE:
		status = EXIT_SUCCESS;
		break;
	case OPTIONS_REFUSE:
		status = EXIT_USAGE;
		break;
	case OPTIONS_GO:
		if (mountpoint_prepare(&options) == 0 && (options.foreground || daemon_begin() == 0))
			status = serve(&options);
		break;
	}
	options_free(&options);
	return status;
}
