/* How callers without an id are told apart: the mount option `owner=`. */
#ifndef FS_CALLER_OWNER_KIND_H
#define FS_CALLER_OWNER_KIND_H

/* What counts as one caller: a POSIX session, a process, a user, or everybody on the mount. */
enum owner_kind { OWNER_SESSION, OWNER_PROCESS, OWNER_USER, OWNER_MOUNT };

#endif
