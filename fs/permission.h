/* What the kernel does not check by itself, as no system call on a name is made: may an asker create in a directory? */
#ifndef FS_PERMISSION_H
#define FS_PERMISSION_H

#include <fuse_lowlevel.h>
#include <stdbool.h>

#include "lockfs/backend.h"

/* As the kernel would decide it for a process of this request's. */
bool may_create_in(fuse_req_t req, const struct dir_info *dir);

#endif
