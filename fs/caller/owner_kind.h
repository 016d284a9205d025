/* How callers without an id are told apart: the mount option `owner=`. */
#ifndef FS_CALLER_OWNER_KIND_H
#define FS_CALLER_OWNER_KIND_H

/* How callers without a given id are told apart. */
enum owner_kind { OWNER_SESSION, OWNER_PROCESS, OWNER_USER, OWNER_MOUNT };

#endif
