/*
 * Permission checks on directories that the kernel does not make, because lockfs acts without a system call on a name there:
 * flock(2) that creates a lock, and events of other directories. They decide as the kernel would.
 */
#ifndef FS_CALLER_PERMISSION_H
#define FS_CALLER_PERMISSION_H

#include <fuse_lowlevel.h>
#include <stdbool.h>

#include "lockfs/backend.h"

#define CREDENTIAL_GROUPS_MAX 64 /* supplementary groups that are read; further groups give no right */

/* The user and groups of a caller at one moment. */
struct credentials {
	uid_t uid;
	gid_t gid;
	int group_count;
	gid_t groups[CREDENTIAL_GROUPS_MAX];
};

/* The mode and owner of a directory. */
struct dir_access {
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/* May the caller of `req` create files in the directory? */
bool may_create_in(fuse_req_t req, const struct dir_info *dir);

/* Reads the credentials of the caller of `req`. Groups that cannot be read (the process has ended) are left out. */
void credentials_read(struct credentials *ret, fuse_req_t req);

/* Do the credentials allow all of `mask` (R_OK, W_OK, X_OK or-ed) in the directory? */
bool credentials_allow(const struct credentials *caller, const struct dir_access *dir, int mask);

#endif
