/*
 * One request of the kernel while it is served: the node and key that it is about, its caller, and what the operation
 * keeps until the backend answers. A request is freed by its reply, so every path through an operation ends in exactly
 * one request_reply*() or request_end().
 */
#ifndef FS_OPS_REQUEST_REQUEST_H
#define FS_OPS_REQUEST_REQUEST_H

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdbool.h>

#include "fs/caller/caller.h"
#include "fs/caller/permission.h"
#include "fs/holdings/posix_lock.h"
#include "fs/holdings/waiter.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "lockfs/backend.h"

struct request;

/* A check of permissions, as access.h describes it. */
struct access {
	int (*rule)(struct request *request); /* decides */
	void (*step)(struct request *request); /* called if the rule allows it */
	void (*refuse)(struct request *request, int status); /* called otherwise */
	void (*next)(struct request *request); /* the operation, where `step` is another check */
	int mask; /* ACCESS and OPEN: R_OK, W_OK, X_OK or-ed */
	struct permissions of; /* what is checked, while `rule` is called and afterwards */
	struct holding_match match; /* the holding that the caller may remove or change; of a handle, the one that is held now */
	bool by_dir; /* OPEN: only the right to create in the directory allows it, and that is no right to the holding */
	char *path; /* of the directory that is being read; NULL: that of the node */
};

struct request {
	fuse_req_t fuse;
	struct mount *mount;
	struct node *node; /* the node that the kernel named; for a name in a directory, the node of the directory */
	char key[LOCK_KEY_MAX + 1]; /* the path that the request is about */
	struct lock_claim claim; /* set by the functions of claim.h; until then empty */
	char proof[LOCK_ID_MAX + 1]; /* the id in `claim`, if an open file proves the claim */
	struct caller caller; /* set by request_identify() */
	struct fuse_file_info info; /* a copy, as the kernel's ends with the handler; zero if the request has none */
	uint64_t token; /* when the request was made: of the holding of its open file or, without one, of its node; 0: none */
	bool from_cache; /* the lock that a LOOKUP answers was read from the backend's cache */
	bool finds_handle; /* a LOOKUP of an open(2) that is to get a handle, see stale_retry_for_handle() */
	bool file_is_counted; /* `file_uid` is charged for an open file that is not made yet */
	uid_t file_uid; /* the user who is charged for the open file */
	int name_status; /* 0, or why `key` is not set: no lock or directory can have the name; see access.h */
	struct access access; /* the check of permissions, see access.h */
	mode_t permissions; /* CREATE and SETATTR: the permission bits that the caller gives */
	char *text; /* SYMLINK: the target; LINK and RENAME: the old key. It is freed with the request; else NULL */
	struct { /* RENAME, the request about the new name */
		unsigned int flags;
		struct holding_match source_match; /* the holding that the caller may move */
		const struct view *view; /* of the old name; only compared */
		fuse_ino_t found; /* the node that the kernel has for the old name; 0: not known */
	} rename;
	struct posix_attempt posix; /* SETLK to lock: for whom */

	/* Data of one operation, kept until the backend has answered. */
	union {
		struct { /* CREATE, FLOCK and SETLK */
			struct waiter waiter;
			struct caller_description description;
			char id[LOCK_ID_MAX + 1]; /* of the holding to be acquired */
			struct signal_recipient *recipient; /* process that gets the view's signal if the lock is lost; NULL: none */

			/* FLOCK and SETLK only */
			struct lock_file *file; /* the open file to be locked */
			bool non_blocking; /* with LOCK_NB or F_SETLK */
			enum lock_mode mode; /* in which it is to be locked */
			uint64_t replaces; /* token of the holding that is being converted */
			struct request *prev, *next; /* in file->lockers */
		} acquire;
		struct { /* GETLK */
			enum lock_mode mode;
			pid_t process; /* that calls */
		} test;
		struct { /* READ and READDIR */
			size_t size;
			off_t offset;
		} read;
		struct { /* WRITE */
			size_t size;
			off_t offset; /* -1: at the end of the content */
			char *data; /* a copy; NULL if it is too large to be written */
		} write;
		struct { /* GETXATTR, LISTXATTR, SETXATTR and REMOVEXATTR */
			char name[64]; /* of the attribute: longer than every name in attributes.c */
			size_t size;
			int unknown; /* the status if there is no attribute of this name */
			int set_status; /* SETXATTR: 0, or why the value cannot be set */
			int64_t value; /* SETXATTR: what is to be set: a lease in ms, or a number */
			int flags; /* SETXATTR: XATTR_CREATE or XATTR_REPLACE; REMOVEXATTR: XATTR_REPLACE */
		} xattr;
		struct dir_info dir; /* MKDIR, SETATTR and SETXATTR of directories: the settings to be stored */
		enum node_kind control_kind; /* LOOKUP of a control file */
		struct { /* SETATTR */
			struct stat attr;
			int which; /* FUSE_SET_ATTR_* or-ed */
		} set;
		struct request *target; /* RENAME, the request about the old name: the one about the new name */
	};
};

/*
 * Makes a request about the node `number`, or about `name` in the directory `parent`. `info` may be NULL.
 * Returns NULL if that failed, after replying with the error. A name that is reserved or too long is refused by
 * access_check(), after the caller's right to use the directory: until then request->key must not be used.
 */
struct request *request_on_node(fuse_req_t fuse, fuse_ino_t number, const struct fuse_file_info *info);
struct request *request_on_name(fuse_req_t fuse, fuse_ino_t parent, const char *name,
                                const struct fuse_file_info *info);

/* The holding that a read on behalf of the request is about; any for a handle or a name. */
static inline struct holding_match request_match(const struct request *request)
{
	return request->token ? match_token(request->token) : match_any();
}

/* Replies with a status (0 or a negative errno) and frees the request. */
void request_reply(struct request *request, int status);

/* Frees a request that the caller of this function has replied to. */
void request_end(struct request *request);

/* A backend_done callback that replies with the backend's status; `ctx` is the request. */
void request_done(void *ctx, int status);

#endif
