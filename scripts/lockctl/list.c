/* Reads the rows of `ls` by walking through the directories. What ends meanwhile is left out; what cannot be read is an error. */
#include "scripts/lockctl/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scripts/lockctl/lock_attribute.h"
#include "scripts/lockctl/failure.h"
#include "scripts/lockctl/place.h"
#include "scripts/lockctl/text.h"

/* A walk in progress. */
struct walk {
	struct list *list;
	struct lock_row *last;
	const char *top; /* the key that it began at */
};

static void add(struct walk *walk, const struct lock_row *row)
{
	struct lock_row *copy = text_room(sizeof(*copy));

	*copy = *row;
	copy->next = walk->last;
	walk->last = copy;
	walk->list->count++;
}

/* Reads an attribute that a lock may lack. Returns 0 or a negative errno of another kind. */
static int read_optional(int fd, const char *name, const char **ret)
{
	char *value;
	int error = attribute_read(fd, name, &value);

	*ret = error == 0 ? value : NULL;
	return error == -ENODATA ? 0 : error;
}

/* Reads the row of an open lock. Returns 0 or a negative errno. */
static int read_row(int fd, struct lock_row *row)
{
	const struct {
		const char *name;
		const char **value;
	} texts[] = {
		{ "owner", &row->owner }, { "state", &row->state }, { "mode", &row->mode },
		{ "remaining", &row->remaining }, { "ttl", &row->ttl }, { "token", &row->token },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int error = read_optional(fd, texts[i].name, texts[i].value);

		if (error < 0)
			return error;
	}
	if (!row->state)
		return -ENOENT;
	row->waiters = attribute_number(fd, "waiters", 0);
	row->holders = attribute_number(fd, "holders", 1);
	return 0;
}

static int walk_lock(struct walk *walk, int fd, const char *key)
{
	struct lock_row row = { .key = key };
	int error = read_row(fd, &row);

	if (error < 0)
		return failure_is_free(-error) ? 0 : error;
	add(walk, &row);
	return 0;
}

/* Adds the row of a directory if it has a limit. Returns 0 or a negative errno. */
static int walk_limit(struct walk *walk, int fd, const char *key, int64_t taken)
{
	struct lock_row row = { .key = *key ? text_make("%s/", key) : "./", .is_directory = true, .taken = taken };
	const char *limit;
	int error = read_optional(fd, "limit", &limit);

	if (error < 0 || !limit)
		return error;
	row.limit = strtoll(limit, NULL, 10);
	row.waiters = attribute_number(fd, "waiters", 0);
	add(walk, &row);
	return 0;
}

static int walk_file(struct walk *walk, int fd, const char *key, int64_t *taken);

static int walk_entries(struct walk *walk, DIR *dir, const char *key, int64_t *taken)
{
	const struct dirent *entry;
	int error = 0;

	while (error == 0) {
		const char *name;
		int fd;

		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return -errno;
		name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		fd = openat(dirfd(dir), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && !failure_is_free(errno))
			return -errno;
		if (fd < 0)
			continue;
		error = walk_file(walk, fd, *key ? text_make("%s/%s", key, name) : text_make("%s", name), taken);
		close(fd);
	}
	return error;
}

/* A directory below the first one that may not be read is noted, and does not end the walk. */
static int note_unreadable(struct walk *walk, const char *key, int error)
{
	if (failure_is_free(error))
		return 0;
	if (!failure_is_denied(error) || key == walk->top)
		return -error;
	walk->list->unreadable = key;
	walk->list->unreadable_error = error;
	return 0;
}

static int walk_directory(struct walk *walk, int fd, const char *key)
{
	int opened = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = opened < 0 ? NULL : fdopendir(opened);
	int64_t taken = 0;
	int error;

	if (!dir) {
		error = errno;
		if (opened >= 0)
			close(opened);
		return note_unreadable(walk, key, error);
	}
	error = walk_entries(walk, dir, key, &taken);
	closedir(dir);
	if (error < 0)
		return note_unreadable(walk, key, -error);
	return walk_limit(walk, fd, key, taken);
}

/* A lock or a directory. Counts a lock into *taken. */
static int walk_file(struct walk *walk, int fd, const char *key, int64_t *taken)
{
	struct stat status;
	size_t before = walk->list->count;
	int error;

	if (fstat(fd, &status) < 0)
		return failure_is_free(errno) ? 0 : -errno;
	if (S_ISDIR(status.st_mode))
		return walk_directory(walk, fd, key);
	error = walk_lock(walk, fd, key);
	*taken += walk->list->count > before;
	return error;
}

static int by_key(const void *a, const void *b)
{
	const struct lock_row *const *left = a, *const *right = b;

	return strcmp((*left)->key, (*right)->key);
}

int list_read(const struct place *place, struct list *ret)
{
	struct walk walk = { .list = ret, .top = place->key };
	int64_t taken = 0;
	int fd = attribute_open(place_path(place, "file"));
	size_t i = 0;
	int error;

	*ret = (struct list){ 0 };
	if (fd < 0)
		return fd;
	error = walk_file(&walk, fd, place->key, &taken);
	close(fd);
	if (error < 0)
		return error;
	ret->rows = text_room((ret->count + 1) * sizeof(struct lock_row *));
	for (struct lock_row *row = walk.last; row; row = row->next)
		ret->rows[i++] = row;
	qsort(ret->rows, ret->count, sizeof(ret->rows[0]), by_key);
	return 0;
}
