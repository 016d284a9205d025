/* Reads extended attributes through descriptors. */
#include "scripts/lockctl/lock_attribute.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/xattr.h>

#include "backend/util/text/number.h"
#include "scripts/lockctl/text.h"

/* A command, an id and a handle have at most a key and a few hundred bytes. */
#define VALUE_MAX 8192

int attribute_open(const char *path)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int attribute_read(int fd, const char *name, char **ret_value)
{
	char path[64], full[64], value[VALUE_MAX];
	ssize_t length;

	/* fgetxattr(2) refuses what O_PATH opens; by this path it is the same file. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(full, sizeof(full), "user.lock.%s", name);
	length = getxattr(path, full, value, sizeof(value) - 1);
	if (length < 0)
		return -errno;
	value[length] = '\0';
	*ret_value = text_make("%s", value);
	return 0;
}

int64_t attribute_number(int fd, const char *name, int64_t otherwise)
{
	char *value = NULL;
	uint64_t number;

	if (attribute_read(fd, name, &value) < 0 || number_parse(value, 10, INT64_MAX, &number) < 0)
		return otherwise;
	return (int64_t)number;
}
