/* Reads /proc/self/mountinfo (proc(5)) and finds the mount of a path. */
#include "scripts/lockctl/mountinfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scripts/lockctl/text.h"

/* Fields before the optional ones: id, parent, device, root, mount point, options. */
#define FIXED_FIELDS 6

bool mount_line_parse(char *line, struct mount_entry *ret)
{
	char *fields[FIXED_FIELDS];
	char *word = NULL;

	for (size_t i = 0; i < FIXED_FIELDS; i++) {
		fields[i] = strsep(&line, " \n");
		if (!fields[i])
			return false;
	}
	while (line && (word = strsep(&line, " \n")) && strcmp(word, "-") != 0)
		;
	word = line ? strsep(&line, " \n") : NULL;
	if (!word)
		return false;
	/* The kernel writes space, tab, newline and backslash as octals. */
	text_unescape(fields[3]);
	text_unescape(fields[4]);
	*ret = (struct mount_entry){ fields[2], fields[3], fields[4], strcmp(word, "fuse.lockfs") == 0, NULL };
	return true;
}

static struct mount_entry *read_table(void)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	struct mount_entry *first = NULL, **end = &first;
	char *line = NULL;
	size_t size = 0;

	if (!file)
		return NULL;
	while (getline(&line, &size, file) > 0) {
		struct mount_entry *entry = text_room(sizeof(*entry));

		if (!mount_line_parse(text_make("%s", line), entry))
			continue;
		*end = entry;
		end = &entry->next;
	}
	free(line);
	fclose(file);
	return first;
}

const struct mount_entry *mount_table(void)
{
	static struct mount_entry *table;

	if (!table)
		table = read_table();
	return table;
}

static bool is_below(const char *path, const char *dir)
{
	size_t length = strlen(dir);

	if (strcmp(dir, "/") == 0)
		return true;
	return strncmp(path, dir, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

const struct mount_entry *mount_of(const char *path)
{
	const struct mount_entry *best = NULL;

	/* Of two mounts on one directory the later one is seen. */
	for (const struct mount_entry *entry = mount_table(); entry; entry = entry->next)
		if (is_below(path, entry->dir) && (!best || strlen(entry->dir) >= strlen(best->dir)))
			best = entry;
	return best;
}

const struct mount_entry *mount_of_whole(const struct mount_entry *entry)
{
	const struct mount_entry *whole = NULL;

	if (strcmp(entry->root, "/") == 0)
		return entry;
	for (const struct mount_entry *each = mount_table(); each; each = each->next)
		if (strcmp(each->root, "/") == 0 && strcmp(each->device, entry->device) == 0)
			whole = each;
	return whole;
}

/* Is the lockfs of this entry mounted as a whole, and seen, and is this the first entry of it? */
static bool is_first_whole(const struct mount_entry *entry)
{
	if (!entry->is_lockfs || strcmp(entry->root, "/") != 0 || mount_of(entry->dir) != entry)
		return false;
	for (const struct mount_entry *each = mount_table(); each != entry; each = each->next)
		if (each->is_lockfs && strcmp(each->root, "/") == 0 && strcmp(each->device, entry->device) == 0 && mount_of(each->dir) == each)
			return false;
	return true;
}

const struct mount_entry *mount_single(size_t *ret_count)
{
	const struct mount_entry *found = NULL;

	*ret_count = 0;
	for (const struct mount_entry *entry = mount_table(); entry; entry = entry->next) {
		if (!is_first_whole(entry))
			continue;
		found = entry;
		(*ret_count)++;
	}
	return *ret_count == 1 ? found : NULL;
}
