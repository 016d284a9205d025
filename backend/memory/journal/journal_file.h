/*
 * The file of a journal: it is locked by one process at a time, appended to through a window of mapped memory, and replaced in one
 * step by another file, which has the same name with `.new` behind it until then.
 *
 * Appending is a copy to memory that the kernel keeps when the process is killed; it costs no system call but for every 128 KiB.
 * Room is allocated in the filesystem before it is mapped, so that a full one is an error and no signal.
 */
#ifndef BACKEND_MEMORY_JOURNAL_JOURNAL_FILE_H
#define BACKEND_MEMORY_JOURNAL_JOURNAL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/memory/journal/image.h"

/* A directory and the name of a journal in it. */
struct journal_dir {
	int fd;           /* -1: not open */
	const char *name; /* without slashes */
};

/* Addresses for one file, reserved while there is memory. */
struct journal_window {
	uint8_t *header;
	uint8_t *bytes;
};

/* A file that is written. */
struct journal_file {
	int fd; /* -1: none */
	struct journal_window *window;
	uint64_t window_at; /* the place in the file that the window shows */
	uint64_t end;       /* of the records that were appended */
};

/* Reserves addresses. Returns 0 or -ENOMEM. */
int journal_window_reserve(struct journal_window *window);
void journal_window_free(struct journal_window *window);

/*
 * Opens the directory that `path` names. Makes the last directory of the path, for this user only, if `makes` and it is missing.
 * Returns 0 or a negative errno.
 */
int journal_dir_open(struct journal_dir *dir, const char *path, bool makes);
void journal_dir_close(struct journal_dir *dir);

/*
 * Opens and locks the file of that name. Returns its descriptor; -ENOENT: there is none; -EBUSY: another process has it;
 * -EPERM: it belongs to another user, or others may read or write it, or it is no regular file.
 */
int journal_file_lock(const struct journal_dir *dir);

/* Makes the new file, with a header, and locks it. Returns 0 or a negative errno; -EBUSY: another process has it. */
int journal_file_create(struct journal_file *file, const struct journal_dir *dir, struct journal_window *window,
                        const struct image_place *place);

/* Gives the new file the name of the journal, in place of the one that has it. Returns 0 or a negative errno. */
int journal_file_publish(const struct journal_file *file, const struct journal_dir *dir);

/* Removes the new file, and closes it. */
void journal_file_discard(struct journal_file *file, const struct journal_dir *dir);

/* Goes on writing a file that was locked, behind `end`. Returns 0, or a negative errno and `fd` is still the caller's. */
int journal_file_resume(struct journal_file *file, int fd, struct journal_window *window, uint64_t end);

/* Returns memory for the payload of a record, which journal_file_append() adds. NULL and errno: there is no room. */
uint8_t *journal_file_reserve(struct journal_file *file, size_t size);

/* Adds the record in the reserved memory. It counts from journal_file_commit() on. */
void journal_file_append(struct journal_file *file, uint32_t kind, size_t size);

/* All records that were appended count. */
void journal_file_commit(struct journal_file *file);

/* Closes the file, which keeps its name. */
void journal_file_close(struct journal_file *file);

/* Removes the name of the file, if it still has it, and closes it. */
void journal_file_remove(struct journal_file *file, const struct journal_dir *dir);

#endif
