/* A table of directories by path. The one that was not seen for longest makes room. */
#include "backend/redis/reclaim/known_dirs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DIRS_MAX 1000

static struct known_dir *find(const struct known_dirs *dirs, const char *path)
{
	struct known_dir *dir;

	HASH_FIND_STR(dirs->by_path, path, dir);
	return dir;
}

static void discard(struct known_dirs *dirs, struct known_dir *dir)
{
	HASH_DELETE(hh, dirs->by_path, dir);
	free(dir);
}

void known_dirs_note(struct known_dirs *dirs, const char *path, const struct dir_info *info)
{
	struct known_dir *dir = find(dirs, path);

	if (dir)
		HASH_DELETE(hh, dirs->by_path, dir);
	else
		dir = calloc(1, sizeof(*dir) + strlen(path) + 1);
	if (!dir)
		return;
	dir->info = *info;
	memcpy(dir->path, path, strlen(path) + 1);
	/* A table lists its items in the order of their addition, so the first one was not seen for longest. */
	while (HASH_COUNT(dirs->by_path) >= DIRS_MAX)
		discard(dirs, dirs->by_path);
	HASH_ADD_STR(dirs->by_path, path, dir);
	if (!dir->hh.tbl)
		free(dir);
}

void known_dirs_forget(struct known_dirs *dirs, const char *path)
{
	struct known_dir *dir = find(dirs, path);

	if (dir)
		discard(dirs, dir);
}

void known_dirs_forget_all(struct known_dirs *dirs)
{
	while (dirs->by_path)
		discard(dirs, dirs->by_path);
}

const struct dir_info *known_dirs_find(const struct known_dirs *dirs, const char *path)
{
	const struct known_dir *dir = find(dirs, path);

	return dir ? &dir->info : NULL;
}

static int by_path(const void *one, const void *other)
{
	return strcmp(*(const char *const *)one, *(const char *const *)other);
}

/* A path sorts before those that it begins, so a directory comes before those in it. */
ssize_t known_dirs_paths(const struct known_dirs *dirs, char **ret)
{
	size_t count = HASH_COUNT(dirs->by_path), size = 1, at = 0;
	const char **sorted = calloc(count + 1, sizeof(*sorted));
	struct known_dir *dir, *next;
	char *cursor;

	HASH_ITER(hh, dirs->by_path, dir, next) {
		size += strlen(dir->path) + 1;
		if (sorted)
			sorted[at++] = dir->path;
	}
	cursor = *ret = malloc(size);
	if (!sorted || !cursor) {
		free(sorted);
		free(cursor);
		return -ENOMEM;
	}
	qsort(sorted, count, sizeof(*sorted), by_path);
	for (size_t i = 0; i < count; i++)
		cursor = stpcpy(cursor, sorted[i]) + 1;
	free(sorted);
	return (ssize_t)count;
}
