/*
 * Reads the rows of `ls`. `.locks` has the locks. The directories are walked through besides, for those with a limit, and because
 * `.locks` leaves out without a word what the caller may not read.
 */
#include "scripts/lockctl/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scripts/lockctl/failure.h"
#include "scripts/lockctl/lock_attribute.h"
#include "scripts/lockctl/locks_reader.h"
#include "scripts/lockctl/place.h"
#include "scripts/lockctl/text.h"

/* A walk through directories in progress. */
struct walk {
	struct list *list;
	struct lock_row **rows;
	const char *top; /* the key that it began at */
	bool recursive;
};

static void add(struct lock_row **rows, const struct lock_row *row)
{
	struct lock_row *copy = text_room(sizeof(*copy));

	*copy = *row;
	copy->next = *rows;
	*rows = copy;
}

/* Reads an attribute that the file may lack. Returns 0 or a negative errno of another kind. */
static int read_optional(int fd, const char *name, const char **ret)
{
	char *value;
	int error = attribute_read(fd, name, &value);

	*ret = error == 0 ? value : NULL;
	return error == -ENODATA ? 0 : error;
}

/* Adds the row of a single lock, from its attributes. One that ended meanwhile is none. */
static int read_lock(int fd, const char *key, struct lock_row **rows)
{
	struct lock_row row = { 0 };

	for (size_t i = FIELD_STATE; i <= FIELD_WAITERS; i++) {
		int error = read_optional(fd, lock_fields[i].name, &row.values[i]);

		if (error < 0 && i == FIELD_STATE && failure_is_free(-error))
			return -ENOENT;
		/* The id and the handle of another's lock may not be read. */
		if (error < 0 && !failure_is_denied(-error))
			return failure_is_free(-error) ? 0 : error;
	}
	if (!row.values[FIELD_STATE])
		return -ENOENT;
	row.values[FIELD_KEY] = key;
	add(rows, &row);
	return 0;
}

/* `job` is in ``, `team/job` in `team/`. */
static bool is_in(const char *key, const char *directory)
{
	size_t length = strcmp(directory, "./") == 0 ? 0 : strlen(directory);

	return strncmp(key, directory, length) == 0 && !strchr(key + length, '/');
}

/* Counts the locks of each directory with a limit. */
static void count_taken(struct lock_row *rows)
{
	for (struct lock_row *row = rows; row; row = row->next) {
		long taken = 0;

		if (!row->is_directory)
			continue;
		for (const struct lock_row *each = rows; each; each = each->next)
			taken += !each->is_directory && is_in(each->values[FIELD_KEY], row->values[FIELD_KEY]);
		row->values[FIELD_TAKEN] = text_make("%ld", taken);
	}
}

/* A directory below the first one that may not be read is noted, and does not end the walk. */
static int note_unreadable(struct walk *walk, const char *key, int error)
{
	if (key == walk->top)
		return -error;
	if (failure_is_free(error))
		return 0;
	if (!failure_is_denied(error))
		return -error;
	walk->list->unreadable = key;
	walk->list->unreadable_error = error;
	return 0;
}

static int walk_directory(struct walk *walk, int fd, const char *key);

static int walk_entry(struct walk *walk, int directory, const char *key, const char *name)
{
	int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return errno == ENOTDIR || failure_is_free(errno) ? 0 : -errno;
	error = walk_directory(walk, fd, *key ? text_make("%s/%s", key, name) : text_make("%s", name));
	close(fd);
	return error;
}

/* Walks through what is a directory, as far as the type of an entry says so. */
static int walk_entries(struct walk *walk, DIR *dir, const char *key)
{
	int error = 0;

	while (error == 0) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return -errno;
		if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
			continue;
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			error = walk_entry(walk, dirfd(dir), key, entry->d_name);
	}
	return error;
}

/* Reads a directory and walks through those in it. Returns 0 or a negative errno. */
static int walk_inside(struct walk *walk, int fd, const char *key)
{
	int opened = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = opened < 0 ? NULL : fdopendir(opened);
	int error = 0;

	if (!dir) {
		error = -errno;
		if (opened >= 0)
			close(opened);
		return error;
	}
	/* Listing needs no search permission, but what is found cannot be read without. */
	if (faccessat(fd, ".", X_OK, 0) < 0)
		error = -errno;
	if (error == 0 && (walk->recursive || key == walk->top))
		error = walk_entries(walk, dir, key);
	closedir(dir);
	return error;
}

/* Adds the row of a directory if it has a limit, and those of the directories in it. Returns 0 or a negative errno. */
static int walk_directory(struct walk *walk, int fd, const char *key)
{
	struct lock_row row = { .is_directory = true };
	int error = read_optional(fd, "limit", &row.values[FIELD_LIMIT]);

	/* Without -R nobody asks for what is in there. */
	if (failure_is_denied(-error) && !walk->recursive && key != walk->top)
		return 0;
	if (error == 0 && (row.values[FIELD_LIMIT] || walk->recursive || key == walk->top))
		error = walk_inside(walk, fd, key);
	if (error < 0)
		return note_unreadable(walk, key, -error);
	if (!row.values[FIELD_LIMIT])
		return 0;
	row.values[FIELD_KEY] = *key ? text_make("%s/", key) : "./";
	row.values[FIELD_WAITERS] = text_make("%ld", (long)attribute_number(fd, "waiters", 0));
	add(walk->rows, &row);
	return 0;
}

/* Reads the locks below an open directory. Returns 0 or a negative errno. */
static int read_locks(const struct place *place, int directory, struct list *list, struct lock_row **rows)
{
	int fd = openat(directory, ".locks", O_RDONLY | O_CLOEXEC);
	int error;

	if (fd < 0) {
		error = -errno;
		/* The directory may have been removed after it was opened. */
		list->is_old_daemon = error == -ENOENT && faccessat(AT_FDCWD, place_path(place, "file"), F_OK, 0) == 0;
		return error;
	}
	error = locks_read(fd, *place->key ? text_make("%s/", place->key) : "", rows);
	close(fd);
	return error;
}

static int by_key(const void *a, const void *b)
{
	const struct lock_row *const *left = a, *const *right = b;

	return strcmp((*left)->values[FIELD_KEY], (*right)->values[FIELD_KEY]);
}

/* Makes the sorted array of all rows that are to be shown. */
static void arrange(struct list *list, struct lock_row *rows, bool recursive)
{
	size_t total = 0;

	for (const struct lock_row *row = rows; row; row = row->next)
		total++;
	list->rows = text_room((total + 1) * sizeof(struct lock_row *));
	for (struct lock_row *row = rows; row; row = row->next) {
		if (recursive || !row->is_below)
			list->rows[list->count++] = row;
		else
			list->count_below++;
	}
	qsort(list->rows, list->count, sizeof(list->rows[0]), by_key);
}

static int read_directory(const struct place *place, int fd, bool recursive, struct list *list, struct lock_row **rows)
{
	struct walk walk = { .list = list, .rows = rows, .top = place->key, .recursive = recursive };
	int error = read_locks(place, fd, list, rows);

	if (error == 0)
		error = walk_directory(&walk, fd, place->key);
	if (error == 0)
		count_taken(*rows);
	return error;
}

int list_read(const struct place *place, bool recursive, struct list *ret)
{
	struct lock_row *rows = NULL;
	int fd = attribute_open(place_path(place, "file"));
	struct stat status;
	int error;

	*ret = (struct list){ 0 };
	if (fd < 0)
		return fd;
	if (fstat(fd, &status) < 0)
		error = -errno;
	else if (S_ISDIR(status.st_mode))
		error = read_directory(place, fd, recursive, ret, &rows);
	else
		error = read_lock(fd, place->key, &rows);
	close(fd);
	if (error == 0)
		arrange(ret, rows, recursive);
	return error;
}
