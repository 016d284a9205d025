/*
 * The settings of the directories that this mount has seen of late, so that a server that has lost them gets them back with the
 * locks in them.
 */
#ifndef BACKEND_REDIS_RECLAIM_KNOWN_DIRS_H
#define BACKEND_REDIS_RECLAIM_KNOWN_DIRS_H

#include <stddef.h>

#include "backend/util/hash.h"
#include "lockfs/backend.h"

struct known_dir {
	struct dir_info info;
	UT_hash_handle hh; /* by the path, in the order in which they were seen last */
	char path[];
};

/* All zero: none. */
struct known_dirs {
	struct known_dir *by_path;
};

/* Notes a directory as the server described it. Without memory it is not noted. */
void known_dirs_note(struct known_dirs *dirs, const char *path, const struct dir_info *info);

void known_dirs_forget(struct known_dirs *dirs, const char *path);
void known_dirs_forget_all(struct known_dirs *dirs);

/*
 * The paths of all, those of directories before those in them, in one allocation to be freed as a whole: texts, each with its
 * NUL. Returns their number, or -ENOMEM.
 */
ssize_t known_dirs_paths(const struct known_dirs *dirs, char **ret);

/* NULL: it is not known. Lives until the directory is noted or forgotten. */
const struct dir_info *known_dirs_find(const struct known_dirs *dirs, const char *path);

#endif
