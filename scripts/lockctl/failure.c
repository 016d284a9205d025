/* The table of the errors that lockfs(5) has, and what somebody can do about each. */
#include "scripts/lockctl/failure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scripts/lockctl/place.h"
#include "scripts/lockctl/exit_status.h"
#include "scripts/lockctl/text.h"

static const struct failure {
	int error, status;
	const char *advice; /* NULL: the error says it all */
} failures[] = {
	{ EINVAL, STATUS_USAGE, "look at the options and their values" },
	{ ENAMETOOLONG, STATUS_USAGE, "a name has at most 255 bytes, and a key at most 1024" },
	{ EISDIR, STATUS_USAGE, "that is a directory, and no lock" },
	{ ENOTDIR, STATUS_USAGE, "a part of its path is a lock, and no directory" },
	{ ENOENT, STATUS_USAGE, "make its directory first" },
	{ EPERM, STATUS_DENIED, "it belongs to another user" },
	{ EACCES, STATUS_DENIED, "look at the permissions of its directory" },
	{ EROFS, STATUS_DENIED, "the mount is read-only" },
	{ ENOTCONN, STATUS_BACKEND, "the daemon has ended: start lockfs on this directory again" },
	{ ECONNABORTED, STATUS_BACKEND, "the daemon has ended: start lockfs on this directory again" },
	{ EHOSTDOWN, STATUS_BACKEND, "the server cannot be reached: .status in the mount says why" },
	{ ETIMEDOUT, STATUS_BACKEND, "the server does not answer: .status in the mount says why" },
	{ EIO, STATUS_BACKEND, "the server refuses it: .status in the mount says why" },
	{ ENOSPC, STATUS_BACKEND, "the memory of the server is full" },
};

static const struct failure *failure_find(int error)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
		if (failures[i].error == error)
			return &failures[i];
	return NULL;
}

int failure_status(int error)
{
	const struct failure *failure = failure_find(error);

	return failure ? failure->status : STATUS_BACKEND;
}

void failure_say(const char *deed, const char *name, int error)
{
	const struct failure *failure = failure_find(error);
	const char *advice = failure ? failure->advice : NULL;

	say("cannot %s %s: %s%s%s", deed, name, strerror(error), advice ? "; " : "", advice ? advice : "");
}

void give_up(const char *deed, const struct place *place, int error)
{
	failure_say(deed, place_name(place), error);
	exit(failure_status(error));
}

bool failure_is_free(int error)
{
	return error == ENOENT || error == ENODATA || error == ESTALE;
}

bool failure_is_denied(int error)
{
	return error == EACCES || error == EPERM;
}
