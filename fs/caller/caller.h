/*
 * The caller of a request: its identity, which proves that it holds a lock, and its description for people.
 * An identity must be equal for all requests of one caller, also after a restart of the daemon in the same boot, and differ
 * from that of every other caller on all hosts.
 */
#ifndef FS_CALLER_CALLER_H
#define FS_CALLER_CALLER_H

#include <stdbool.h>
#include <sys/types.h>

#include "backend/util/hash.h"
#include "fs/caller/posix_session.h"
#include "fs/caller/owner_kind.h"
#include "lockfs/lock.h"

#define COMMAND_MAX 64         /* bytes, the NUL included */
#define HOST_MAX 255           /* bytes, without the NUL */
#define MOUNT_POINT_ID_SIZE 32 /* bytes, the NUL included */

struct user_name;

/* What the callers of one mount have in common. */
struct callers {
	enum owner_kind owner;
	char host[HOST_MAX + 1];
	char mount_point_id[MOUNT_POINT_ID_SIZE];      /* names this mount point of this host */
	char boot_mount_point_id[MOUNT_POINT_ID_SIZE]; /* names the mount point, this boot and the daemon's pid namespace */
	struct posix_sessions sessions;
	struct user_name *user_names;
	bool sees_processes; /* /proc is that of the daemon's own pid namespace */
};

/* A caller's identity, and how it was found. */
struct caller {
	char identity[LOCK_IDENTITY_MAX + 1];
	pid_t process;       /* process id; 0 if the process cannot be seen */
	bool by_user;        /* the identity is the user's, because the process or session lives but cannot be seen */
	bool process_hidden; /* the process lives but cannot be seen (`process` is 0), whatever the identity is */
};

/* A caller as shown to people. */
struct caller_description {
	const char *user; /* login name or number; lives as long as struct callers */
	char command[COMMAND_MAX];
};

/* `owner` says by what callers are told apart. Returns 0 or a negative errno. */
int callers_init(struct callers *callers, uv_loop_t *loop, enum owner_kind owner, const char *mountpoint);

/* Stops watching session leaders. */
void callers_stop(struct callers *callers);
void callers_free(struct callers *callers);

/*
 * Finds the identity of the caller with thread id `pid` (from the FUSE request; 0: not in the daemon's pid namespace)
 * and user `uid`. Returns 0, or a negative errno if /proc cannot be read, such as -EMFILE.
 */
int caller_identify(struct callers *callers, pid_t pid, uid_t uid, struct caller *ret);

/* Fills in the description. What cannot be read is "?". */
void caller_describe(struct callers *callers, const struct caller *caller, uid_t uid,
                     struct caller_description *ret);

#endif
