/* OPEN of `.status` and `.status.json`, which asks the backend. */
#ifndef FS_OPS_STATUS_H
#define FS_OPS_STATUS_H

#include <fuse_lowlevel.h>
#include <stdbool.h>

struct mount;

/* Replies to OPEN with a new snapshot, once the backend has answered. */
void status_open(struct mount *mount, fuse_req_t req, const struct fuse_file_info *info, bool json);

#endif
