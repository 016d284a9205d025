/*
 * Reads requests from the kernel and signals on the event loop, until the mount ends. A signal unmounts only when no lock is
 * bound to an open file; a second signal unmounts at once.
 */
#ifndef FS_START_FUSE_SESSION_H
#define FS_START_FUSE_SESSION_H

#include <uv.h>

struct fuse_args;
struct mount;

struct session;

/*
 * Mounts `mount` and serves it on the loop. libfuse removes its own options from `arguments`. Returns NULL after logging
 * a line. The session ends after an unmount or a signal: it closes its handles and the backend, and the loop
 * runs out of work.
 */
struct session *session_start(uv_loop_t *loop, struct mount *mount, struct fuse_args *arguments);

/* Frees the session after the loop has ended. Returns 0, or -1 if serving failed, which was logged. */
int session_free(struct session *session);

#endif
