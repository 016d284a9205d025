/*
 * A request that the backend is asked about: what the kernel's request was, on
 * which key, and who asks. It lives until it is replied to; each reply function
 * below ends it.
 */
#ifndef FS_OPS_REQUEST_REQUEST_H
#define FS_OPS_REQUEST_REQUEST_H

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdbool.h>

#include "fs/caller/caller.h"
#include "fs/holdings/waiter.h"
#include "fs/mount.h"
#include "fs/names/node.h"
#include "lockfs/backend.h"

struct request {
	fuse_req_t fuse;
	struct mount *mount;
	struct node *node; /* what was asked about; for a name in a directory, the directory */
	char key[LOCK_KEY_MAX + 1];
	struct lock_claim claim; /* set by request_identify() or request_claim_id(); else empty */
	char proof[LOCK_ID_MAX + 1]; /* the id in `claim`, if it is that of a descriptor */
	struct caller caller;
	struct fuse_file_info info; /* the kernel's, where it gave one */
	uint64_t token; /* of the holding that it is about when it is made, see request_token(); 0: none */
	bool recalled; /* what a name stands for was found without asking */
	bool counts_file; /* the file that it opens is counted for `file_uid` and not made yet */
	uid_t file_uid;   /* the user who opens that file */

	/* What the single operations keep until the backend has answered. */
	union {
		struct {
			struct waiter waiter;
			struct caller_description description;
			char id[LOCK_ID_MAX + 1];
			struct lock_file *file;  /* of flock; else NULL, */
			struct signal_recipient *recipient; /* that a signal is to be sent to when the lock is lost; NULL: none */
			bool non_blocking;
			char *dir;          /* that it is in, while its permissions are asked for */
			struct request *prev, *next; /* and those that wait to lock it */
		} acquire;
		struct {
			size_t size;
			off_t offset;
		} read;
		struct {
			size_t size;
			char *data;
		} write;
		struct {
			char name[64]; /* of an attribute; all of ours are shorter */
			size_t size;
		} xattr;
		struct dir_info dir;
		enum node_kind special; /* that is looked up */
	};
};

/*
 * Makes a request about a node, or about `name` in a directory. NULL: it was
 * replied to already, with what was wrong. `info` may be NULL.
 */
struct request *request_on_node(fuse_req_t fuse, fuse_ino_t number, const struct fuse_file_info *info);
struct request *request_on_name(fuse_req_t fuse, fuse_ino_t parent, const char *name,
                                const struct fuse_file_info *info);

/* Reply and end. `status` is 0 or a negative errno. */
void request_reply(struct request *request, int status);
/* Ends it without a reply, where one was given by hand. */
void request_end(struct request *request);

/* A done function for steps whose status is the whole answer; `ctx` is the request. */
void request_done(void *ctx, int status);

/* The holding that a request is about now: its open file's, else its node's; 0: none. */
uint64_t request_token(const struct request *request);

#endif
