/*
 * `.stats`: what this mount counts, as Prometheus reads it. Opening it makes a
 * snapshot, which its reads are from.
 */
#ifndef FS_OPS_STATS_H
#define FS_OPS_STATS_H

#include <fuse_lowlevel.h>

struct mount;

/* Opens a snapshot, and replies. */
void stats_open(struct mount *mount, fuse_req_t req, const struct fuse_file_info *info);

/* Closes all that the kernel has not closed when a mount ends. */
void stats_free_all(struct mount *mount);

#endif
