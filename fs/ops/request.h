/*
 * A request that the backend is asked about: what the kernel's request was, on
 * which key, and who asks. It lives until it is replied to; each reply function
 * below ends it.
 */
#ifndef FS_OPS_REQUEST_H
#define FS_OPS_REQUEST_H

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

/* Finds out who asks: sets `caller` and `claim`. Returns 0, or a negative errno where that cannot be told. */
int request_identify(struct request *request);

/* The same; false where it cannot be told, and then the request was replied to. */
bool request_identify_or_reply(struct request *request);

/*
 * Likewise, for what changes or tells of a holding. Whoever asks through a descriptor that has
 * acquired it, or that it is bound to, is its holder, whatever session that is by now.
 */
bool request_identify_holder_or_reply(struct request *request);

/*
 * The node of a lock that is found by name, with one more lookup counted; NULL without memory.
 *
 * futimens(2), fsetxattr(2) and fgetxattr(2) carry no file handle, only the node. So that they
 * prove what the descriptor that acquired does, the node that its creation made is found by
 * nobody but the process that acquired, as long as that descriptor is open. All others find
 * another node of the holding; and once there is one everybody does, as the kernel drops a name
 * that changes its node, and an inotify(7) watch of it would not be told of the end.
 */
struct node *request_look_up_lock(struct request *request, const struct lock *lock);

/* Sets the claim, where an id is given; looks at nobody. */
void request_claim_id(struct request *request);

/*
 * May the caller have the daemon remember this node, which was just looked up? One that was
 * known before costs nothing more. If not, the lookup was taken back; the answer is ENFILE.
 */
bool request_admits_node(fuse_req_t fuse, struct node *node);

/* Reply and end. `status` is 0 or a negative errno. */
void request_reply(struct request *request, int status);
/*
 * What is answered if what was asked for by a name has ended meanwhile: -ESTALE, upon which
 * the kernel repeats the call, or `otherwise` if it has done so already. See stale_retry.h.
 */
int request_stale_or(struct request *request, int otherwise);

/* Replies that; on a file handle, for which no call is repeated, -ESTALE. */
void request_reply_stale(struct request *request, int otherwise);
void request_reply_entry(struct request *request, const struct entry *entry);

/* Replies with request->dir, which was just made. Its name is not refused, however many names the user has. */
void request_reply_made_dir(struct request *request);
void request_reply_attr(struct request *request, const struct entry *entry);
void request_reply_open(struct request *request, struct lock_file *file);
void request_reply_buf(struct request *request, const void *data, size_t size);

/*
 * Is this what the backend answered about the holding of the request: that it is there?
 * If the backend says that it is not, it is ended for good, as request_end_holding() does.
 */
bool request_finds_holding(struct request *request, int status, const struct entry *entry);

/*
 * The caller is going to be told that the holding of the request has ended. A server may
 * show it once more, as after a return to older data; it stays ended here.
 */
void request_end_holding(struct request *request);

/* Was the end of that holding told before? Then the backend is not asked any more. */
bool request_has_ended(const struct request *request);

/* Ends it without a reply, where one was given by hand. */
void request_end(struct request *request);

/* Replies that the holding has ended, as the backend just said: ended_status(). */
void request_reply_ended(struct request *request);

/* Refuses to refresh a holding whose end was told, as stale, and tells that event. */
void request_refuse_refresh(struct request *request);

/* A done function for steps whose status is the whole answer; `ctx` is the request. */
void request_done(void *ctx, int status);

/*
 * What is said of a holding that has ended: a descriptor of it is stale; without
 * one it was asked for by a path, where nothing is.
 */
int ended_status(const struct request *request);

/*
 * Counts the file that the request is going to open, before anything is acquired for it.
 * Whatever ends the request takes that back, unless request_open_file() made the file.
 * False: its user has too many, or there is no memory, and the request was replied to.
 */
bool request_count_file_or_reply(struct request *request);

/*
 * Opens the file that was counted: of the holding `token`, or a handle if that is 0.
 * NULL if there is no memory.
 */
struct lock_file *request_open_file(struct request *request, uint64_t token, pid_t acquirer);

/*
 * Takes down who opened `file`, if its view is to signal that process. Returns 0, or a
 * negative errno if that cannot be told; then the file must not be opened.
 */
int request_note_opener(struct request *request, struct lock_file *file);

/*
 * Keeps `process` for acquire.recipient, if the view is to signal it. Returns 0, or
 * -EMFILE if there is no descriptor for it, or -ESRCH if it is the caller's, which lives and
 * cannot be seen; then nothing must be acquired.
 */
int request_take_recipient(struct request *request, pid_t process);

/* Gives back what was not handed on to a keep. */
void request_drop_recipient(struct request *request);

/* Finds what a name stands for without asking: see read_cached() in backend.h. False: it is to be asked for. */
bool request_recall(struct request *request, struct lock *ret);

/*
 * Is what is not there something that was found so? Then -ESTALE has the kernel look
 * the name up again, but once only, so that names are asked for from now on.
 */
bool request_recalled_wrongly(struct request *request);

/* The holding that a request is about now: its open file's, else its node's; 0: none. */
uint64_t request_token(const struct request *request);

#endif
