/* The open file of a request: charging its user, making it, and choosing the process that is signalled on loss. */
#ifndef FS_OPS_REQUEST_OPENING_H
#define FS_OPS_REQUEST_OPENING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct lock_file;
struct request;

/*
 * Charges the caller's user for the file that the request is going to open, before a lock is acquired for it.
 * request_end() takes the charge back, unless request_open_file() has made the file. Returns false after replying,
 * if that user has too many open files or memory is short.
 */
bool request_count_file_or_reply(struct request *request);

/* Does the open(2) of the request write, in a view in which creating for writing acquires? */
bool request_writes_to_acquire(const struct request *request);

/*
 * Makes the open file that the user was charged for: a file of the holding `token`, or a handle if `token` is 0.
 * `acquirer` is the process that acquired the holding with this file, or 0. Returns NULL without memory.
 */
struct lock_file *request_open_file(struct request *request, uint64_t token, pid_t acquirer);

/*
 * Stores the calling process in file->opener, if the view has `signal`: a later flock(2) takes it as the recipient.
 * Returns 0, or a negative errno if the process cannot be identified; then the file must not be opened.
 */
int request_note_opener(struct request *request, struct lock_file *file);

/*
 * Sets acquire.recipient to `process`, if the view has `signal`. Returns 0, -EMFILE if no descriptor is left for it,
 * or -ESRCH if the calling process is alive but not visible to the daemon. Nothing may be acquired after an error.
 */
int request_take_recipient(struct request *request, pid_t process);

/* Drops acquire.recipient, unless a renewal has taken it over. */
void request_drop_recipient(struct request *request);

#endif
