/* Starts the daemon: command line, background, backend, mount, in this order, and frees all of it at the end. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "fs/caller/caller.h"
#include "fs/mount.h"
#include "fs/ops/locks_file.h"
#include "fs/ops/snapshot.h"
#include "fs/options.h"
#include "fs/start/command_line.h"
#include "fs/start/fuse_session.h"
#include "fs/start/journal_place.h"
#include "fs/start/mounting/mountpoint.h"
#include "fs/start/process/daemonize.h"
#include "fs/start/process/descriptors.h"
#include "fs/start/secrets.h"
#include "fs/util/fuse_log.h"
#include "fs/util/log.h"
#include "lockfs/backend.h"

enum { EXIT_USAGE = 2 };

/* The result of backend_start(). */
struct start {
	bool completed;
	int status; /* 0 or a negative errno */
};

static void on_started(void *ctx, int status, const char *problem)
{
	struct start *start = ctx;

	start->completed = true;
	start->status = status;
	if (status < 0)
		log_line(LOG_ERR, "%s", problem ? problem : strerror(-status));
}

/* What the backend of a mount is opened with. `journal` is a path or "". */
static struct backend_config config_of(uv_loop_t *loop, struct mount *mount, const char *journal)
{
	const struct options *options = mount->options;

	return (struct backend_config){
		.loop = loop,
		.source = options->source,
		.namespace_ = options->namespace_,
		.password = options->password,
		.sentinel_user = options->sentinel_user,
		.sentinel_password = options->sentinel_password,
		.cacert = options->cacert,
		.cert = options->cert,
		.key = options->key,
		.mountpoint = options->mountpoint,
		.read_only = options->read_only,
		.strict = options->strict,
		.scan = options->scan,
		.timeout_ms = options->timeout_ms,
		.grace_ms = options->grace_ms,
		.user_memory = options->user_memory,
		.replicas = options->replicas,
		.user_calls = options->user_calls,
		.mount_point_id = mount->callers->mount_point_id,
		.journal = *journal ? journal : NULL,
		.journal_is_default = !options->journal,
		.on_event = mount_on_event,
		.on_gap = mount_on_gap,
		.on_ended = mount_on_ended,
		.on_touched = mount_on_touched,
		.on_touched_all = mount_on_touched_all,
		.current_uid = mount_current_uid,
		.on_notice = mount_on_notice,
		.on_trace = options->trace ? mount_on_trace : NULL,
		.ctx = mount,
	};
}

/* Opens the backend and waits until it is reached. Returns 0, or a negative value after logging a line. */
static int reach_backend(uv_loop_t *loop, struct mount *mount, const char *journal)
{
	const struct backend_config config = config_of(loop, mount, journal);
	char problem[BACKEND_PROBLEM_MAX] = "";
	struct backend *backend = NULL;
	struct start start = { .completed = false };

	if (backend_open(&config, &backend, problem) < 0) {
		log_line(LOG_ERR, "%s", problem);
		return -1;
	}
	if (mount_set_backend(mount, backend) < 0) {
		log_line(LOG_ERR, "%s", strerror(ENOMEM));
		return -1;
	}
	backend_start(mount->backend, on_started, &start);
	while (!start.completed)
		uv_run(loop, UV_RUN_ONCE);
	return start.status;
}

/* Reaches the backend with the journal that the user named, or the one in the default place. Returns as reach_backend(). */
static int reach_with_journal(uv_loop_t *loop, struct mount *mount)
{
	const struct options *options = mount->options;
	char *journal = options->journal ? strdup(options->journal)
		: journal_place_default(mount->callers->mount_point_id, options->namespace_);
	int err = -1;

	if (journal)
		err = reach_backend(loop, mount, journal);
	else
		log_line(LOG_ERR, "%s", strerror(ENOMEM));
	free(journal);
	return err;
}

/* Mounts and serves until the end. Returns the exit status. */
static int serve(struct options *options)
{
	struct mount *mount;
	struct session *session = NULL;
	uv_loop_t loop;
	int status = EXIT_FAILURE;
	int err = uv_loop_init(&loop);

	if (err < 0) {
		log_line(LOG_ERR, "cannot make an event loop: %s", uv_strerror(err));
		return EXIT_FAILURE;
	}
	err = mount_new(&loop, options, &mount);
	if (err < 0) {
		log_line(LOG_ERR, "cannot start: %s", strerror(-err));
		goto out;
	}
	if (reach_with_journal(&loop, mount) == 0)
		session = session_start(&loop, mount, &options->fuse);
	if (!session) {
		mount_stop(mount);
		goto out_mount;
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	if (session_free(session) == 0)
		status = EXIT_SUCCESS;
out_mount:
	/* Runs the callbacks of handles that were closed above. */
	uv_run(&loop, UV_RUN_DEFAULT);
	snapshots_free(mount);
	locks_files_free(mount);
	mount_free(mount);
out:
	uv_loop_close(&loop);
	return status;
}

static void close_inherited(const struct options *options)
{
	/* Kept open because these files are read when the backend is opened. The files of passwords have been read already. */
	const char *const names[] = { options->cacert, options->cert, options->key };

	descriptors_close_inherited(names, sizeof(names) / sizeof(names[0]));
}

int main(int argc, char **argv)
{
	struct options options;
	int status = EXIT_FAILURE;
	int err = descriptors_open_standard();

	if (err < 0) {
		log_line(LOG_ERR, "cannot open /dev/null: %s", strerror(-err));
		return EXIT_FAILURE;
	}
	signal(SIGPIPE, SIG_IGN);
	fuse_log_begin();
	switch (command_line_parse(argc, argv, &options)) {
	case COMMAND_LINE_DONE:
		status = EXIT_SUCCESS;
		break;
	case COMMAND_LINE_REFUSE:
		status = EXIT_USAGE;
		break;
	case COMMAND_LINE_GO:
		secrets_hide(argc, argv);
		close_inherited(&options);
		if (mountpoint_prepare(&options) == 0 && (options.foreground || daemonize_begin() == 0))
			status = serve(&options);
		break;
	}
	options_free(&options);
	return status;
}
