/* The open file that a request makes: it is counted first, made once the lock is had, and has a signal recipient. */
#ifndef FS_OPS_REQUEST_OPENING_H
#define FS_OPS_REQUEST_OPENING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct lock_file;
struct request;

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

#endif
