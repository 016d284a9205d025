/* The operations in the table of table.c, by the file that implements each. */
#ifndef FS_OPS_TABLE_H
#define FS_OPS_TABLE_H

#include <fuse_lowlevel.h>

struct node;
struct request;

/* The table for libfuse. */
extern const struct fuse_lowlevel_ops lockfs_ops;

/* lookup.c: finds nodes, shows their attributes, and what a caller may do */
void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count);
void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_access(fuse_req_t req, fuse_ino_t ino, int mask);

/* control_files.c: called by op_lookup(), op_getattr() and op_open() for reserved names */
void control_file_look_up(fuse_req_t req, fuse_ino_t parent, const char *name);
void control_file_reply_attr(fuse_req_t req, const struct node *node);
void control_file_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);

/* create.c: acquires */
void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *info);

/* symlink.c: acquires, too */
void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void op_readlink(fuse_req_t req, fuse_ino_t ino);

/* link.c: acquires with the content of another lock */
void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name);

/* rename.c: moves a lock */
void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name,
               unsigned int flags);

/* unlink.c: releases; op_rmdir() calls lock_unlink() for a lock that is shown as a directory, after the check of permissions */
void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void lock_unlink(struct request *request);

/* setattr.c: refreshes, truncates, and changes the settings of directories */
void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int which, struct fuse_file_info *info);

/* flock.c: locks an open file; op_flock() in open_file.h calls it for lock files */
void lock_flock(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, int operation);

/* fcntl.c: locks an open file for a process or for the open file; op_setlk() and others in open_file.h call these for lock files */
void lock_setlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock, int waits);
void lock_getlk(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct flock *lock);
void lock_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);

/* file_io.c: opens lock files and control files; open_file.h has the operations on open files */
void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);

/* dir.c: directories */
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info);
void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info);

/* xattr.c: extended attributes */
void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags);
void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

#endif
