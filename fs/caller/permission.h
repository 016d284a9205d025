/*
 * Decides who may use a file or directory, from its mode, user and group, as the kernel would. Capabilities do not
 * count: user 0 has every right that CAP_DAC_OVERRIDE, CAP_FOWNER and CAP_CHOWN give, and no other user has them.
 */
#ifndef FS_CALLER_PERMISSION_H
#define FS_CALLER_PERMISSION_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <sys/types.h>

struct dir_info;
struct stat;

#define CREDENTIAL_GROUPS_MAX 64 /* supplementary groups that are kept; further groups give no right */

/* The user and groups of a caller. */
struct credentials {
	uid_t uid;
	gid_t gid;
	fuse_req_t request; /* the supplementary groups are read by it if they matter; NULL: `group_count` is set */
	int group_count;    /* -1: they could not be read */
	gid_t groups[CREDENTIAL_GROUPS_MAX];
};

/* What decides about the use of a file or directory. */
struct permissions {
	mode_t mode; /* type and permission bits */
	uid_t uid;
	gid_t gid;
};

struct permissions permissions_of_dir(const struct dir_info *dir);
struct permissions permissions_of_stat(const struct stat *attr);

/*
 * The credentials of the caller of `req`, valid until the reply. Supplementary groups are read from /proc only if they
 * matter, and not at all unless `sees_processes` (caller.h): a number there could be that of another process.
 */
void credentials_of(struct credentials *ret, fuse_req_t req, bool sees_processes);

/* As credentials_of(), as they are now, and valid after the reply. */
void credentials_keep(struct credentials *ret, fuse_req_t req, bool sees_processes);

/*
 * Checks whether the caller may do all of `mask` (R_OK, W_OK, X_OK or-ed). Returns 0 or -EACCES. A caller whose
 * supplementary groups cannot be read, as its process is not visible to the daemon, may do what both the group and
 * others may.
 */
int permission_check(const struct credentials *caller, const struct permissions *file, int mask);

/* Has the caller the rights of the owner: is it the owner or root? */
bool permission_is_owner(const struct credentials *caller, const struct permissions *file);

/* Is the caller in the group, or root? */
bool permission_in_group(const struct credentials *caller, gid_t gid);

/* Checks a change of the owner to `uid`, and of the group to `gid`. Return 0 or -EPERM. */
int permission_check_chown(const struct credentials *caller, const struct permissions *file, uid_t uid);
int permission_check_chgrp(const struct credentials *caller, const struct permissions *file, gid_t gid);

#endif
