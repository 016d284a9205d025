/* Parses /proc/self/mountinfo (proc(5)) and the fields of /proc/self/fdinfo. */
#include "fs/start/mounting/mount_table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "backend/util/text/number.h"

#define OUR_TYPE "fuse.lockfs"

/* Replaces \ooo, as which the kernel writes space, tab, newline, backslash and #. */
static void decode(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && text[1] && text[2] && text[3]) {
			char digits[] = { text[1], text[2], text[3], '\0' };
			uint64_t byte = 0;

			(void)number_parse(digits, 8, UCHAR_MAX, &byte); /* the kernel writes nothing else behind a backslash */
			*to++ = (char)byte;
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* Reads a number followed by the character `after`, and moves `at` behind both. */
static bool take_number(char **at, char after, uint64_t *ret)
{
	const char *end = number_read(*at, 10, INT_MAX, ret);

	if (!end || *end != after)
		return false;
	*at += end - *at + 1;
	return true;
}

/* Cuts off the word at `at` and moves `at` behind the space that follows it. Returns NULL if no space follows. */
static char *take_word(char **at)
{
	char *word = *at;
	char *end = strchr(word, ' ');

	if (!end)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return word;
}

/*
 * A line is `ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS`.
 * Returns whether the line is well-formed and its MOUNTPOINT is `path`.
 */
static bool parse(char *line, const char *path, struct mount_entry *ret)
{
	uint64_t id, parent, major_number, minor_number;
	char *mountpoint, *type;

	if (!take_number(&line, ' ', &id) || !take_number(&line, ' ', &parent) ||
		!take_number(&line, ':', &major_number) || !take_number(&line, ' ', &minor_number) || !take_word(&line))
		return false;
	mountpoint = take_word(&line);
	type = mountpoint ? strstr(line, " - ") : NULL;
	if (!type)
		return false;
	decode(mountpoint);
	*ret = (struct mount_entry){
		.id = (int)id,
		.parent = (int)parent,
		.device = makedev(major_number, minor_number),
		.is_lockfs = strncmp(type + 3, OUR_TYPE " ", sizeof(OUR_TYPE)) == 0,
	};
	return strcmp(mountpoint, path) == 0;
}

int mount_table_read(struct mount_table *table, const char *path)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	int err = 0;

	table->count = 0;
	if (!file)
		return -errno;
	while (err == 0 && getline(&line, &size, file) >= 0) {
		struct mount_entry entry;

		if (!parse(line, path, &entry))
			continue;
		if (table->count == MOUNT_TABLE_MAX)
			err = -E2BIG;
		else
			table->entries[table->count++] = entry;
	}
	if (err == 0 && ferror(file))
		err = -EIO;
	free(line);
	fclose(file);
	return err;
}

const struct mount_entry *mount_table_find(const struct mount_table *table, int id)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->entries[i].id == id)
			return &table->entries[i];
	return NULL;
}

const struct mount_entry *mount_table_below(const struct mount_table *table, const struct mount_entry *entry)
{
	return mount_table_find(table, entry->parent);
}

const struct mount_entry *mount_table_above(const struct mount_table *table, const struct mount_entry *entry)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->entries[i].parent == entry->id)
			return &table->entries[i];
	return NULL;
}

long mount_fdinfo(int fd, const char *name)
{
	const uint64_t none = UINT64_MAX;
	size_t length = strlen(name);
	char path[64];
	char line[128];
	uint64_t number = none;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (number == none && fgets(line, sizeof(line), file))
		if (strncmp(line, name, length) == 0 && line[length] == ':')
			(void)number_read(line + length + strspn(line + length, ":\t"), 10, LONG_MAX, &number);
	fclose(file);
	return number == none ? -ENOENT : (long)number;
}

/* statx(2) has mount ids only since Linux 5.8, and may send a request to the daemon. */
int mount_id(int fd)
{
	return (int)mount_fdinfo(fd, "mnt_id");
}

int mount_detach(int fd)
{
	char path[64];

	/* The link resolves to the descriptor's mount, and the kernel then follows the mounts that stand on it. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return umount2(path, MNT_DETACH) < 0 ? -errno : 0;
}

int mount_open_parent(const char *path, int flags)
{
	const char *slash = strrchr(path, '/');
	char *parent = slash && slash > path ? strndup(path, (size_t)(slash - path)) : strdup("/");
	int fd = parent ? open(parent, flags) : -1;

	free(parent);
	return fd;
}
