/*
 * Open files of `.stats`, `.status` and `.status.json`: texts that were made by OPEN, so that a reader of several READs
 * gets one consistent text.
 */
#ifndef FS_OPS_SNAPSHOT_H
#define FS_OPS_SNAPSHOT_H

#include <fuse_lowlevel.h>

struct mount;

/* Replies to OPEN with this text, which is freed when the file is closed, or at once if the user has as many files as one may. */
void snapshot_open(struct mount *mount, fuse_req_t req, const struct fuse_file_info *info, char *text, size_t size);

/* Frees the snapshots that are still open when the mount ends. */
void snapshots_free(struct mount *mount);

#endif
