/*
 * The journal is in the directory that systemd made for the service, else in /run/lockfs for root, and in the user's own runtime
 * directory for others. The name of the file is made from mount point and namespace, so that the next daemon there finds it,
 * however it is started.
 */
#include "fs/start/journal_place.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/util/siphash.h"

/* Returns the value of a variable that is an absolute path, or NULL. */
static const char *absolute(const char *variable)
{
	const char *value = getenv(variable);

	return value && *value == '/' ? value : NULL;
}

/* Returns the directory, to be freed, or NULL. */
static char *find_dir(void)
{
	const char *service = absolute("RUNTIME_DIRECTORY");
	const char *user = absolute("XDG_RUNTIME_DIR");
	char *dir = NULL;

	/* systemd names several directories with colons between them. */
	if (service)
		return strndup(service, strcspn(service, ":"));
	if (geteuid() == 0)
		return strdup("/run/lockfs");
	if (user)
		return asprintf(&dir, "%s/lockfs", user) < 0 ? NULL : dir;
	return asprintf(&dir, "/run/user/%u/lockfs", (unsigned int)geteuid()) < 0 ? NULL : dir;
}

char *journal_place_default(const char *mount_point_id, const char *namespace_)
{
	/* The key is constant, as the name must be equal after a restart. */
	static const struct siphash_key key = { .low = UINT64_C(0x6c616e72756f6a20), .high = UINT64_C(0x656d616e20666f20) };
	uint64_t hash = siphash_64(key, namespace_, strlen(namespace_));
	char *dir = find_dir();
	char *path = NULL;

	if (dir && asprintf(&path, "%s/%s-%016" PRIx64 ".journal", dir, mount_point_id, hash) < 0)
		path = NULL;
	free(dir);
	return path;
}
