/* `.stats`: what this mount counts, as text for Prometheus. */
#ifndef FS_OPS_STATS_H
#define FS_OPS_STATS_H

#include <fuse_lowlevel.h>

struct mount;

/* Replies to OPEN of `.stats` with a new snapshot. */
void stats_open(struct mount *mount, fuse_req_t req, const struct fuse_file_info *info);

#endif
