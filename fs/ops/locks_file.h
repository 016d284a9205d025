/*
 * Open files of `.locks` and `.locks.json`. The text is made while it is read, one page of locks at a time, so that however many locks
 * there are, and however slowly they are read, a file has the text of two pages at most.
 */
#ifndef FS_OPS_LOCKS_FILE_H
#define FS_OPS_LOCKS_FILE_H

#include <stdbool.h>

struct mount;
struct request;

/* Replies to OPEN, for the directory of the request. */
void locks_file_open(struct request *request, bool json);

/* Ends all READs, before the mount is stopped. */
void locks_files_stop(struct mount *mount);

/* Frees the files that are still open when the mount ends. */
void locks_files_free(struct mount *mount);

#endif
