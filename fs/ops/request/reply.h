/* Replies that carry a node, attributes, an open file or data. Each request_reply_*() frees the request. */
#ifndef FS_OPS_REQUEST_REPLY_H
#define FS_OPS_REQUEST_REPLY_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stddef.h>

struct entry;
struct lock_file;
struct lock;
struct node;
struct request;

/*
 * The node that a LOOKUP of this lock answers, with one more lookup counted; NULL without memory.
 *
 * futimens(2), fsetxattr(2) and fgetxattr(2) carry no file handle, only the node, so the node has to prove that the
 * caller's descriptor acquired the holding. Therefore the node that CREATE made (NODE_ACQUIRED) is found only by the
 * process that acquired, while its descriptor is open; other callers get a second node of the holding (NODE_LOCK).
 * Once the second node exists all callers get it: if the node of a name changed back and forth, the kernel would drop
 * the name each time, and an inotify(7) watch on the file would miss its end.
 */
struct node *request_look_up_lock(struct request *request, const struct lock *lock);

/*
 * Checks whether the caller's user may have the daemon remember one more node. A node that was known before is always
 * admitted. If this returns false, the lookup of `node` was taken back, and the reply must be ENFILE.
 */
bool request_admits_node(fuse_req_t fuse, struct node *node);

/*
 * Makes a node for a handle of request->key, which no lookup finds, and counts one lookup of it. It belongs to the
 * caller, with these permission bits, until an entry of the lock is shown. Returns 0 and *ret, or -ENOMEM or -ENFILE.
 */
int request_make_handle_node(struct request *request, mode_t permissions, struct node **ret);

/* Replies to LOOKUP with what the backend found at request->key. */
void request_reply_entry(struct request *request, const struct entry *entry);

/* Replies to MKDIR with request->dir, which was just made. Does not check the user's limit of nodes: op_mkdir() did. */
void request_reply_made_dir(struct request *request);

/*
 * A backend_lock_done callback that replies to SYMLINK, LINK and MKDIR with the node of the new lock, or with the error; `ctx` is the
 * request. The lock is given back if the kernel does not take the reply. Does not check the user's limit of nodes either.
 */
void request_reply_made_lock(void *ctx, int status, const struct lock *lock);

/* Replies to GETATTR and SETATTR. */
void request_reply_attr(struct request *request, const struct entry *entry);

/* Replies to OPEN with `file`, which is closed if the kernel does not take the reply. */
void request_reply_open(struct request *request, struct lock_file *file);

/* Replies with data, as to READ. */
void request_reply_buf(struct request *request, const void *data, size_t size);

#endif
