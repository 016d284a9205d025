/* Operations on directories: list, make, remove, configure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/detailed_listing.h"
#include "backend/redis/listing.h"
#include "backend/redis/reclaim/reclaim.h"
#include "backend/redis/redis_backend.h"
#include "backend/util/clock.h"

void redis_list(struct backend *backend, struct listing *listing)
{
	struct redis_backend *redis = redis_of(backend);

	if (listing->detailed)
		list_locks(redis, listing);
	else
		list_directory(redis->calls, listing, redis->scan);
}

static void on_dir_made(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	const struct redis_backend *redis = call->owner;

	if (status == 0)
		reclaim_note_dir(redis->reclaim, call->key, call->dir);
	operation_on_plain(call, status, reply, age_ms);
}

void redis_make_dir(struct backend *backend, const char *path, const struct dir_info *info,
                           backend_done *done, void *ctx)
{
	struct script_call *call = operation_plain(backend, SCRIPT_MAKE_DIR, path, done, ctx);

	if (!call)
		return;
	call->done = on_dir_made;
	call->dir = info;
	script_call_add_number(call, info->mode);
	script_call_add_number(call, info->uid);
	script_call_add_number(call, info->gid);
	operation_start_change(redis_of(backend), call);
}

/* The removal of a directory. It takes several steps if another Redis client deleted many locks in it (remove_dir.lua). */
struct removal {
	struct redis_backend *redis;
	backend_done *done;
	void *ctx;
	int64_t deadline_ns; /* CLOCK_BOOTTIME: time limit of all steps together */
	char path[];
};

static void removal_finish(struct removal *removal, int status)
{
	removal->done(removal->ctx, operation_status(status));
	free(removal);
}

static void removal_step(struct removal *removal);

static void on_removal_step(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	struct removal *removal = call->ctx;

	(void)reply;
	(void)age_ms;
	operation_drop_cached(call);
	if (status == 0)
		reclaim_forget_dir(removal->redis->reclaim, removal->path);
	if (status == -EAGAIN && boot_ns() < removal->deadline_ns)
		removal_step(removal);
	else
		removal_finish(removal, status == -EAGAIN ? -ETIMEDOUT : status);
}

static void removal_step(struct removal *removal)
{
	struct script_call *call = script_call_new(removal->redis->calls, SCRIPT_REMOVE_DIR, removal->path);

	if (!call) {
		removal_finish(removal, -ENOMEM);
		return;
	}
	call->done = on_removal_step;
	call->ctx = removal;
	operation_start_change(removal->redis, call);
}

void redis_remove_dir(struct backend *backend, const char *path, backend_done *done, void *ctx)
{
	struct redis_backend *redis = redis_of(backend);
	struct removal *removal = calloc(1, sizeof(*removal) + strlen(path) + 1);

	if (!removal) {
		done(ctx, -ENOMEM);
		return;
	}
	removal->redis = redis;
	removal->done = done;
	removal->ctx = ctx;
	removal->deadline_ns = boot_ns() + redis->timeout_ms * NS_PER_MS;
	stpcpy(removal->path, path);
	removal_step(removal);
}

static void add_setting(struct script_call *call, bool changes, int64_t value)
{
	if (changes)
		script_call_add_number(call, value);
	else
		script_call_add_text(call, "");
}

/* Sets those settings of `info` that `which` names, as configure_dir.lua has done. */
static void change(struct dir_info *info, unsigned int which, const struct dir_info *to)
{
	if (which & DIR_MODE)
		info->mode = to->mode;
	if (which & DIR_UID)
		info->uid = to->uid;
	if (which & DIR_GID)
		info->gid = to->gid;
	if (which & DIR_DEFAULT_TTL)
		info->default_ttl_ms = to->default_ttl_ms;
	if (which & DIR_LIMIT)
		info->limit = to->limit;
	if (which & DIR_MODIFIED)
		info->modified_ms = to->modified_ms;
}

static void on_dir_configured(struct script_call *call, int status, const redisReply *reply, int64_t age_ms)
{
	const struct redis_backend *redis = call->owner;
	const struct dir_info *known = status == 0 ? reclaim_find_dir(redis->reclaim, call->key) : NULL;
	struct dir_info info;

	if (known) {
		info = *known;
		change(&info, call->dir_settings, call->dir);
		reclaim_note_dir(redis->reclaim, call->key, &info);
	}
	operation_on_plain(call, status, reply, age_ms);
}

void redis_configure_dir(struct backend *backend, const char *path, unsigned int which,
                                const struct dir_info *info, backend_done *done, void *ctx)
{
	struct script_call *call;

	if (!*path && (which & (DIR_MODE | DIR_UID | DIR_GID))) {
		done(ctx, -EPERM);
		return;
	}
	call = operation_plain(backend, SCRIPT_CONFIGURE_DIR, path, done, ctx);
	if (!call)
		return;
	call->done = on_dir_configured;
	call->dir = info;
	call->dir_settings = which;
	add_setting(call, which & DIR_MODE, info->mode);
	add_setting(call, which & DIR_UID, info->uid);
	add_setting(call, which & DIR_GID, info->gid);
	add_setting(call, which & DIR_DEFAULT_TTL, info->default_ttl_ms);
	add_setting(call, which & DIR_LIMIT, info->limit);
	add_setting(call, which & DIR_MODIFIED, info->modified_ms);
	operation_start_change(redis_of(backend), call);
}
