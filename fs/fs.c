#include "fs/fs.h"

#include "backend/clock.h"

int fs_init(struct fs *fs, const struct options *options)
{
	int err;

	*fs = (struct fs){ .options = options, .mounted_ms = epoch_ns() / NS_PER_MS };
	err = callers_init(&fs->callers, options->owner, options->mountpoint);
	return err < 0 ? err : node_table_init(&fs->nodes);
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
		holdings_end(&fs->holdings, event->token);
}
