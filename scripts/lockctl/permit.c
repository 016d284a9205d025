/* Makes a directory with a limit and chooses names in it. */
#include "scripts/lockctl/permit.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "scripts/lockctl/lock_attribute.h"
#include "scripts/lockctl/failure.h"
#include "scripts/lockctl/command_line.h"
#include "scripts/lockctl/place.h"
#include "scripts/lockctl/exit_status.h"
#include "scripts/lockctl/text.h"

#define MODE 0777

/* Makes the directory and those above it. */
static void make_directories(const struct place *place)
{
	char *key = text_make("%s", place->key);
	struct stat status;
	const char *path;

	for (char *at = key; *key; at++) {
		char here = *at;

		if (here != '/' && here != '\0')
			continue;
		*at = '\0';
		path = place_path_of(place, key);
		if (mkdir(path, MODE) < 0 && errno != EEXIST)
			give_up("make the directory", place, errno);
		*at = here;
		if (here == '\0')
			break;
	}
	if (stat(place_path_of(place, key), &status) < 0)
		give_up("make the directory", place, errno);
	if (!S_ISDIR(status.st_mode))
		die(STATUS_USAGE, "%s is a lock, and not a directory", place_name(place));
}

/* If that is for others to decide, their limit will do if it lets no more in. */
static void set_limit(const struct place *place, const struct options *options)
{
	const char *path = place_path_of(place, place->key);
	int fd = attribute_open(path);
	char *present = NULL;
	int error = fd < 0 ? fd : attribute_read(fd, "limit", &present);

	if (fd >= 0)
		close(fd);
	if (error < 0 && error != -ENODATA)
		give_up("read the limit of", place, -error);
	if (present && strcmp(present, options->limit) == 0)
		return;
	if (setxattr(path, "user.lock.limit", options->limit, strlen(options->limit), 0) == 0)
		return;
	if (!failure_is_denied(errno) || !present || strtoull(present, NULL, 10) >= options->limit_number)
		give_up("set the limit of", place, errno);
}

void permit_choose(struct place *place, const struct options *options)
{
	struct utsname name;
	uint32_t random = 0;

	make_directories(place);
	set_limit(place, options);
	uname(&name);
	if (getrandom(&random, sizeof(random), 0) < 0)
		die(STATUS_BACKEND, "cannot make a random name: %s", strerror(errno));
	place->key = text_make("%s%s%s-%ld-%08x", place->key, *place->key ? "/" : "", name.nodename, (long)getpid(), random);
}
