/*
 * The checks of generic_permission() and setattr_prepare() of the kernel. Supplementary groups are read from /proc,
 * which takes a while, and therefore only where the mode makes them matter.
 */
#include "fs/caller/permission.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lockfs/backend.h"

enum membership { MEMBER, NOT_MEMBER, MEMBERSHIP_UNKNOWN };

struct permissions permissions_of_dir(const struct dir_info *dir)
{
	return (struct permissions){ .mode = S_IFDIR | dir->mode, .uid = dir->uid, .gid = dir->gid };
}

void credentials_of(struct credentials *ret, fuse_req_t req, bool sees_processes)
{
	const struct fuse_ctx *caller = fuse_req_ctx(req);

	ret->uid = caller->uid;
	ret->gid = caller->gid;
	ret->request = sees_processes ? req : NULL;
	ret->group_count = -1;
}

void credentials_keep(struct credentials *ret, fuse_req_t req, bool sees_processes)
{
	credentials_of(ret, req, sees_processes);
	ret->request = NULL;
	if (ret->uid == 0 || !sees_processes)
		return;
	ret->group_count = fuse_req_getgroups(req, CREDENTIAL_GROUPS_MAX, ret->groups);
	if (ret->group_count > CREDENTIAL_GROUPS_MAX)
		ret->group_count = CREDENTIAL_GROUPS_MAX;
}

struct permissions permissions_of_stat(const struct stat *attr)
{
	return (struct permissions){ .mode = attr->st_mode, .uid = attr->st_uid, .gid = attr->st_gid };
}

/* `count` below 0: the groups could not be read. */
static enum membership find_group(const gid_t *groups, int count, gid_t gid)
{
	for (int i = 0; i < count; i++)
		if (groups[i] == gid)
			return MEMBER;
	return count < 0 ? MEMBERSHIP_UNKNOWN : NOT_MEMBER;
}

/* Reads `expected` groups, more than a struct credentials has room for. */
static enum membership find_in_many_groups(fuse_req_t req, int expected, gid_t gid)
{
	gid_t *groups = calloc((size_t)expected, sizeof(*groups));
	enum membership membership = MEMBERSHIP_UNKNOWN;

	if (groups) {
		int count = fuse_req_getgroups(req, expected, groups);

		membership = find_group(groups, count < expected ? count : expected, gid);
	}
	free(groups);
	return membership;
}

static enum membership membership_of(const struct credentials *caller, gid_t gid)
{
	gid_t groups[CREDENTIAL_GROUPS_MAX] = { 0 };
	int count;

	if (caller->gid == gid)
		return MEMBER;
	if (!caller->request)
		return find_group(caller->groups, caller->group_count, gid);
	count = fuse_req_getgroups(caller->request, CREDENTIAL_GROUPS_MAX, groups);
	if (count > CREDENTIAL_GROUPS_MAX)
		return find_in_many_groups(caller->request, count, gid);
	return find_group(groups, count, gid);
}

/* The permission bits that apply to the caller, as the lowest three. Those outside of `mask` are not meaningful. */
static mode_t bits_for(const struct credentials *caller, const struct permissions *file, mode_t mask)
{
	enum { OWNER_SHIFT = 6, GROUP_SHIFT = 3 };
	mode_t group = file->mode >> GROUP_SHIFT;
	mode_t others = file->mode;

	if (caller->uid == file->uid)
		return file->mode >> OWNER_SHIFT;
	if (((group ^ others) & mask) == 0)
		return others;
	switch (membership_of(caller, file->gid)) {
	case MEMBER:
		return group;
	case NOT_MEMBER:
		return others;
	default:
		return group & others;
	}
}

int permission_check(const struct credentials *caller, const struct permissions *file, int mask)
{
	mode_t wanted = (mode_t)mask & S_IRWXO;

	if (caller->uid == 0) {
		/* Root executes a file that anybody may execute. */
		bool refused = (mask & X_OK) && !S_ISDIR(file->mode) && !(file->mode & (S_IXUSR | S_IXGRP | S_IXOTH));

		return refused ? -EACCES : 0;
	}
	return (bits_for(caller, file, wanted) & wanted) == wanted ? 0 : -EACCES;
}

bool permission_is_owner(const struct credentials *caller, const struct permissions *file)
{
	return caller->uid == 0 || caller->uid == file->uid;
}

bool permission_in_group(const struct credentials *caller, gid_t gid)
{
	return caller->uid == 0 || membership_of(caller, gid) == MEMBER;
}

int permission_check_chown(const struct credentials *caller, const struct permissions *file, uid_t uid)
{
	return caller->uid == 0 || (caller->uid == file->uid && uid == file->uid) ? 0 : -EPERM;
}

int permission_check_chgrp(const struct credentials *caller, const struct permissions *file, gid_t gid)
{
	if (!permission_is_owner(caller, file))
		return -EPERM;
	return gid == file->gid || permission_in_group(caller, gid) ? 0 : -EPERM;
}
