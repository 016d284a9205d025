/*
 * Who asks: a caller's identity, and what people are told of it.
 */
#ifndef FS_CALLER_CALLER_H
#define FS_CALLER_CALLER_H

#include <stdbool.h>
#include <sys/types.h>

#include "backend/util/hash.h"
#include "fs/caller/posix_session.h"
#include "fs/caller/owner_kind.h"
#include "lockfs/lock.h"

#define COMMAND_MAX 64
#define HOST_MAX 255
#define PLACE_MAX 32

struct user_name;

/* What the callers of one mount have in common. */
struct callers {
	enum owner_kind owner;
	char host[HOST_MAX + 1];
	char place[PLACE_MAX];      /* one text for this mount point of this host */
	char boot_place[PLACE_MAX]; /* likewise, for this boot and this daemon's processes */
	struct posix_sessions sessions;
	struct user_name *user_names;
	bool sees_processes; /* /proc is that of the daemon's own namespace of processes */
};

/* What proves that a caller holds a lock. Its texts are this struct's own. */
struct caller {
	char identity[LOCK_IDENTITY_MAX + 1];
	pid_t process; /* 0: it cannot be seen */
	bool hidden;   /* it lives, and is told apart by user because its process or session cannot be seen */
	bool unseen;   /* its process lives and cannot be seen, however it is told apart; `process` is 0 */
};

/* What people are told of a caller. */
struct caller_description {
	const char *user; /* lives as long as the callers */
	char command[COMMAND_MAX];
};

/* Returns 0 or a negative errno. */
int callers_init(struct callers *callers, uv_loop_t *loop, enum owner_kind owner, const char *mountpoint);

/* Stops watching for the deaths of processes. */
void callers_stop(struct callers *callers);
void callers_free(struct callers *callers);

/*
 * Tells the caller with thread number `pid` (as FUSE gives it; 0: unknown) and user
 * `uid` apart. Returns 0, or a negative errno where the daemon cannot look, such as -EMFILE.
 */
int caller_identify(struct callers *callers, pid_t pid, uid_t uid, struct caller *ret);

void caller_describe(struct callers *callers, const struct caller *caller, uid_t uid,
                     struct caller_description *ret);

#endif
