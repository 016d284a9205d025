/* Replies of a request that carry a node, attributes, an open file or data. Each frees the request. */
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
 * The node of a lock that is found by name, with one more lookup counted; NULL without memory.
 *
 * futimens(2), fsetxattr(2) and fgetxattr(2) carry no file handle, only the node. So that they
 * prove what the descriptor that acquired does, the node that its creation made is found by
 * nobody but the process that acquired, as long as that descriptor is open. All others find
 * another node of the holding; and once there is one everybody does, as the kernel drops a name
 * that changes its node, and an inotify(7) watch of it would not be told of the end.
 */
struct node *request_look_up_lock(struct request *request, const struct lock *lock);

/*
 * May the caller have the daemon remember this node, which was just looked up? One that was
 * known before costs nothing more. If not, the lookup was taken back; the answer is ENFILE.
 */
bool request_admits_node(fuse_req_t fuse, struct node *node);

void request_reply_entry(struct request *request, const struct entry *entry);

/* Replies with request->dir, which was just made. Its name is not refused, however many names the user has. */
void request_reply_made_dir(struct request *request);

void request_reply_attr(struct request *request, const struct entry *entry);

void request_reply_open(struct request *request, struct lock_file *file);

void request_reply_buf(struct request *request, const void *data, size_t size);

#endif
