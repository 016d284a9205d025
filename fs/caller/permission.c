/* Compares mode bits with user and groups. may_create_in() reads supplementary groups from /proc only if they decide. */
#include "fs/caller/permission.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int groups_of(fuse_req_t req, gid_t groups[CREDENTIAL_GROUPS_MAX])
{
	int count = fuse_req_getgroups(req, CREDENTIAL_GROUPS_MAX, groups);

	if (count < 0)
		return 0;
	return count < CREDENTIAL_GROUPS_MAX ? count : CREDENTIAL_GROUPS_MAX;
}

static bool has_group(const gid_t *groups, int count, gid_t gid)
{
	for (int i = 0; i < count; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

static bool is_in_group(fuse_req_t req, gid_t gid)
{
	gid_t groups[CREDENTIAL_GROUPS_MAX] = { 0 };
	int count;

	if (fuse_req_ctx(req)->gid == gid)
		return true;
	count = groups_of(req, groups);
	return has_group(groups, count, gid);
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

void credentials_read(struct credentials *ret, fuse_req_t req)
{
	const struct fuse_ctx *caller = fuse_req_ctx(req);

	ret->uid = caller->uid;
	ret->gid = caller->gid;
	ret->group_count = caller->uid == 0 ? 0 : groups_of(req, ret->groups);
}

bool credentials_allow(const struct credentials *caller, const struct dir_access *dir, int mask)
{
	enum { OWNER_SHIFT = 6, GROUP_SHIFT = 3 };
	mode_t bits = dir->mode;

	if (caller->uid == 0)
		return true;
	if (caller->uid == dir->uid)
		bits >>= OWNER_SHIFT;
	else if (caller->gid == dir->gid || has_group(caller->groups, caller->group_count, dir->gid))
		bits >>= GROUP_SHIFT;
	return (bits & (mode_t)mask) == (mode_t)mask;
}
