/*
 * The loop: requests from the kernel and signals, until the mount ends.
 */
#ifndef FS_START_FUSE_SESSION_H
#define FS_START_FUSE_SESSION_H

#include <uv.h>

struct fuse_args;
struct mount;

struct session;

/*
 * Mounts `fs` on the loop; libfuse takes its own from `arguments`. Returns NULL after a line was logged. The loop serves
 * it until it is unmounted or a signal asks to end; then session_end() was
 * called, and the loop runs out of work once the backend is closed as well.
 */
struct session *session_start(uv_loop_t *loop, struct mount *mount, struct fuse_args *arguments);

/* Frees it after the loop has ended. Returns 0, or -1 where serving failed (a line was logged). */
int session_free(struct session *session);

#endif
