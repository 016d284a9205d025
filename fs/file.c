#include "fs/file.h"

#include <poll.h>
#include <stdlib.h>
#include <utlist.h>

struct holding {
	uint64_t token;
	bool ended;
	struct file *files;
	UT_hash_handle hh;
};

static struct holding *find(const struct holdings *holdings, uint64_t token)
{
	struct holding *holding;

	HASH_FIND(hh, holdings->by_token, &token, sizeof(token), holding);
	return holding;
}

static struct holding *find_or_make(struct holdings *holdings, uint64_t token)
{
	struct holding *holding = find(holdings, token);

	if (holding)
		return holding;
	holding = calloc(1, sizeof(*holding));
	if (!holding)
		return NULL;
	holding->token = token;
	HASH_ADD(hh, holdings->by_token, token, sizeof(holding->token), holding);
	if (!holding->hh.tbl) {
		free(holding);
		return NULL;
	}
	return holding;
}

struct file *file_open(struct holdings *holdings, uint64_t token, pid_t acquirer)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->holding = find_or_make(holdings, token);
	if (!file->holding) {
		free(file);
		return NULL;
	}
	file->acquirer = acquirer;
	DL_APPEND(file->holding->files, file);
	return file;
}

void file_close(struct holdings *holdings, struct file *file)
{
	struct holding *holding = file->holding;

	DL_DELETE(holding->files, file);
	if (!holding->files) {
		HASH_DELETE(hh, holdings->by_token, holding);
		free(holding);
	}
	if (file->poll)
		fuse_pollhandle_destroy(file->poll);
	free(file);
}

static void keep_poll(struct file *file, struct fuse_pollhandle *handle)
{
	if (file->poll)
		fuse_pollhandle_destroy(file->poll);
	file->poll = handle;
}

unsigned int file_poll(struct file *file, struct fuse_pollhandle *handle)
{
	if (handle)
		keep_poll(file, handle);
	if (file->holding->ended)
		return POLLERR | POLLHUP;
	/* As of any regular file. */
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

void holdings_end(struct holdings *holdings, uint64_t token)
{
	struct holding *holding = find(holdings, token);
	struct file *file;

	if (!holding)
		return;
	holding->ended = true;
	DL_FOREACH(holding->files, file) {
		if (!file->poll)
			continue;
		/* Takes no lock in the kernel that a request could hold, so it needs no thread of its own. */
		fuse_lowlevel_notify_poll(file->poll);
		keep_poll(file, NULL);
	}
}

bool holdings_acquired_by(const struct holdings *holdings, uint64_t token, pid_t process)
{
	const struct holding *holding = find(holdings, token);
	const struct file *file;

	if (!holding || process == 0)
		return false;
	DL_FOREACH(holding->files, file)
		if (file->acquirer == process)
			return true;
	return false;
}

bool holdings_is_open(const struct holdings *holdings, uint64_t token)
{
	return find(holdings, token) != NULL;
}

void holdings_free(struct holdings *holdings)
{
	while (holdings->by_token)
		file_close(holdings, holdings->by_token->files);
}
