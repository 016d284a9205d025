/* What the kernel does not check by itself, as no system call on a name is made: what may an asker do in a directory? */
#ifndef FS_CALLER_PERMISSION_H
#define FS_CALLER_PERMISSION_H

#include <fuse_lowlevel.h>
#include <stdbool.h>

#include "lockfs/backend.h"

#define ASKED_GROUPS_MAX 64 /* of one process; those behind are not looked at, and so give no right */

/* Who asks, as it was at one moment. */
struct credentials {
	uid_t uid;
	gid_t gid;
	int group_count;
	gid_t groups[ASKED_GROUPS_MAX];
};

/* What decides who may do what in a directory. */
struct dir_access {
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/* As the kernel would decide it for a process of this request's. */
bool may_create_in(fuse_req_t req, const struct dir_info *dir);

/* Takes down who asks; groups that cannot be read are none. */
void credentials_take(struct credentials *ret, fuse_req_t req);

/* May they do all of `mask` (R_OK, W_OK, X_OK or-ed) in the directory, as the kernel would decide it? */
bool credentials_allow(const struct credentials *asker, const struct dir_access *dir, int mask);

#endif
