/* Finds mount and key of a path, without asking the daemon more than the kernel must: it may be dead. */
#include "scripts/lockctl/place.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "scripts/lockctl/mountinfo.h"
#include "scripts/lockctl/command_line.h"
#include "scripts/lockctl/exit_status.h"
#include "scripts/lockctl/text.h"

#define SYMLINKS_MAX 40
#define VIEWS ".with/"

/* Takes the last component off. */
static void remove_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
}

/* The target of a symbolic link; NULL if the path is none or cannot be read. */
static char *link_target(const char *path)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);

	if (length <= 0)
		return NULL;
	target[length] = '\0';
	return text_make("%s", target);
}

/*
 * The absolute path of `path`, without `.`, `..` and symbolic links. What is not there counts as it is written. The last
 * component is followed only if `follow_last`, as a lock may be shown as a symbolic link.
 */
static char *absolute(const char *path, bool follow_last)
{
	char cwd[PATH_MAX] = "";
	char *done, *rest, *word, *target;
	int links = 0;

	if (*path != '/' && !getcwd(cwd, sizeof(cwd)))
		die(STATUS_BACKEND, "cannot tell the current directory: %s", strerror(errno));
	done = text_make("%s", cwd);
	rest = text_make("%s", path);
	while ((word = strsep(&rest, "/"))) {
		bool is_last = !rest || rest[strspn(rest, "/")] == '\0';

		if (!*word || strcmp(word, ".") == 0)
			continue;
		if (strcmp(word, "..") == 0) {
			remove_last(done);
			continue;
		}
		done = text_make("%s/%s", strcmp(done, "/") == 0 ? "" : done, word);
		target = (!is_last || rest || follow_last) && links < SYMLINKS_MAX ? link_target(done) : NULL;
		if (!target)
			continue;
		links++;
		remove_last(done);
		if (*target == '/')
			*done = '\0';
		rest = rest ? text_make("%s/%s", target, rest) : target;
	}
	return *done ? done : text_make("/");
}

/* Has the view option `word` this name? Returns its value. */
static const char *view_value(const char *word, const char *name)
{
	size_t length = strlen(name);

	return strncmp(word, name, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

/* What a handle or a path through a view says of the holding, unless an option does. */
static void take_view_options(struct options *options, char *view)
{
	char *word;

	while ((word = strsep(&view, ","))) {
		const char *id = view_value(word, "id"), *ttl = view_value(word, "ttl");

		if (id && !options->id)
			options->id = id;
		if (ttl && !options->ttl)
			options->ttl = ttl;
		if (strcmp(word, "shared") == 0)
			options->shared = true;
	}
}

static bool is_own_path(const char *name)
{
	static const char *const starts[] = { "/", "./", "../" };

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (strncmp(name, starts[i], strlen(starts[i])) == 0)
			return true;
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Sets mount and key for an absolute path; false if that is on no lockfs. */
static bool find_below(const char *path, struct place *ret)
{
	const struct mount_entry *entry = mount_of(path), *whole;
	const char *key;

	if (!entry || !entry->is_lockfs)
		return false;
	whole = mount_of_whole(entry);
	if (!whole)
		return false;
	key = strcmp(entry->dir, "/") == 0 ? path : path + strlen(entry->dir);
	/* Of a part that is mounted elsewhere (a bind mount), the views are where the whole is. */
	if (whole != entry)
		key = text_make("%s%s", entry->root, key);
	ret->key = key + strspn(key, "/");
	ret->top = strcmp(whole->dir, "/") == 0 ? "" : whole->dir;
	return true;
}

static bool find_in_single(const char *name, size_t *ret_count, struct place *ret)
{
	const struct mount_entry *only = mount_single(ret_count);

	return only && find_below(absolute(text_make("%s/%s", only->dir, name), false), ret);
}

static void not_found(const char *path, bool searched, size_t count)
{
	if (!mount_table())
		die(STATUS_BACKEND, "cannot read /proc/self/mountinfo, so no mount is found: %s", strerror(errno));
	if (searched && count > 1)
		die(STATUS_BACKEND, "%s is not on a lockfs mount, and this machine has %zu: name one by -d", shown(path), count);
	die(STATUS_BACKEND, "%s is not on a lockfs mount", shown(path));
}

void place_find(struct options *options, const char *name, struct place *ret)
{
	const char *path, *given = name ? name : "";
	bool is_relative = !options->dir && !is_own_path(given);
	size_t count = 0;
	char *view, *slash;

	if (!*given)
		path = options->dir ? options->dir : ".";
	else
		path = options->dir && !is_own_path(given) ? text_make("%s/%s", options->dir, given) : given;
	if (!find_below(absolute(path, false), ret) && !find_below(absolute(path, true), ret) &&
	    !(is_relative && find_in_single(given, &count, ret)))
		not_found(path, is_relative, count);
	if (strncmp(ret->key, VIEWS, strlen(VIEWS)) == 0 && strchr(ret->key + strlen(VIEWS), '/')) {
		view = text_make("%s", ret->key + strlen(VIEWS));
		slash = strchr(view, '/');
		*slash = '\0';
		ret->key = slash + 1;
		take_view_options(options, view);
	}
	ret->id = options->id;
}

char *place_path(const struct place *place, const char *view)
{
	const char *id = place->id ? text_make("id=%s", place->id) : NULL;

	if (!id && !view)
		return place_path_of(place, place->key);
	return text_make("%s/" VIEWS "%s%s%s/%s", place->top, id ? id : "", id && view ? "," : "", view ? view : "", place->key);
}

char *place_path_of(const struct place *place, const char *key)
{
	return text_make("%s/%s", place->top, key);
}

char *place_name(const struct place *place)
{
	return shown(*place->key ? place->key : "the mount");
}

struct place place_parent(const struct place *place)
{
	struct place parent = *place;
	char *key = text_make("%s", place->key);
	char *slash = strrchr(key, '/');

	*(slash ? slash : key) = '\0';
	parent.key = key;
	return parent;
}
