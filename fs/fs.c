#include "fs/fs.h"

#include "backend/clock.h"
#include "fs/log.h"

static void on_lost(void *ctx, uint64_t token)
{
	struct fs *fs = ctx;

	holdings_end(&fs->holdings, token, true);
}

int fs_init(struct fs *fs, uv_loop_t *loop, const struct options *options)
{
	int err;

	*fs = (struct fs){ .options = options, .mounted_ms = epoch_ns() / NS_PER_MS };
	err = node_table_init(&fs->nodes);
	if (err < 0)
		return err;
	err = holdings_init(&fs->holdings, loop);
	if (err < 0)
		goto fail;
	err = keeper_init(&fs->keeper, loop);
	if (err < 0)
		goto fail_holdings;
	fs->keeper.lost = on_lost;
	fs->keeper.ctx = fs;
	err = waiters_init(&fs->waiters, loop);
	if (err < 0)
		goto fail_keeper;
	err = callers_init(&fs->callers, loop, options->owner, options->mountpoint);
	if (err < 0)
		goto fail_waiters;
	return 0;
fail_waiters:
	waiters_stop(&fs->waiters);
fail_keeper:
	keeper_stop(&fs->keeper);
fail_holdings:
	holdings_stop(&fs->holdings);
fail:
	node_table_free(&fs->nodes);
	return err;
}

void fs_attach(struct fs *fs, struct backend *backend)
{
	fs->backend = backend;
	fs->holdings.backend = backend;
	fs->keeper.backend = backend;
	fs->waiters.backend = backend;
}

void fs_stop(struct fs *fs)
{
	callers_stop(&fs->callers);
	waiters_stop(&fs->waiters);
	keeper_stop(&fs->keeper);
	holdings_stop(&fs->holdings);
	backend_close(fs->backend);
	fs->backend = NULL;
}

void fs_free(struct fs *fs)
{
	holdings_free(&fs->holdings);
	dir_streams_free(&fs->dir_streams);
	node_table_free(&fs->nodes);
	callers_free(&fs->callers);
}

void fs_on_event(void *ctx, const struct lock_event *event)
{
	struct fs *fs = ctx;

	if (event_ends_holding(event))
		holdings_end(&fs->holdings, event->token, event->kind != EVENT_RELEASED);
}

void fs_on_ended(void *ctx, uint64_t token, bool taken)
{
	struct fs *fs = ctx;

	holdings_end(&fs->holdings, token, taken);
}

void fs_on_touched(void *ctx, uint64_t token)
{
	struct fs *fs = ctx;

	holdings_recheck(&fs->holdings, token);
}

void fs_on_gap(void *ctx)
{
	struct fs *fs = ctx;

	holdings_recheck(&fs->holdings, 0);
}

void fs_on_notice(void *ctx, const char *line)
{
	(void)ctx;
	log_line(LOG_WARNING, "%s", line);
}
