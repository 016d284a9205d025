#include "fs/permission.h"

#include <sys/stat.h>

#define ASKED_GROUPS_MAX 64 /* of one process; those behind are not looked at, and so give no right */

static bool is_in_group(fuse_req_t req, gid_t gid)
{
	gid_t groups[ASKED_GROUPS_MAX];
	int count;

	if (fuse_req_ctx(req)->gid == gid)
		return true;
	count = fuse_req_getgroups(req, ASKED_GROUPS_MAX, groups);
	for (int i = 0; i < count && i < ASKED_GROUPS_MAX; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

bool may_create_in(fuse_req_t req, const struct dir_info *dir)
{
	uid_t uid = fuse_req_ctx(req)->uid;

	if (uid == 0)
		return true;
	if (uid == dir->uid)
		return dir->mode & S_IWUSR;
	if (is_in_group(req, dir->gid))
		return dir->mode & S_IWGRP;
	return dir->mode & S_IWOTH;
}
