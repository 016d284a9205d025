/*
 * Writing a journal anew: a pass over the tree copies what lives to a new file, some records at a time, while the tree changes.
 *
 * What has been copied carries the mark of the pass. A change of something that is marked is noted in the new file as well; what
 * is not marked will be copied as it is then. The pass takes entries in the order in which they were made, so that a directory
 * comes before what is in it, and holdings of a lock from the oldest on.
 */
#ifndef BACKEND_MEMORY_JOURNAL_REWRITE_H
#define BACKEND_MEMORY_JOURNAL_REWRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/memory/journal/journal_file.h"
#include "backend/memory/tree.h"

struct journal_rewrite {
	struct journal_file file;    /* the new file; fd -1: none is being written */
	uint32_t mark;               /* of this pass, or the last one */
	struct mem_entry *entry;     /* the next one; NULL: all are copied */
	struct mem_holding *holding; /* the next one of this lock; NULL: its oldest */
};

/* Begins a pass into `rewrite->file`, which has no records yet. Returns 0 or a negative errno. */
int rewrite_begin(struct journal_rewrite *rewrite, const struct mem_tree *tree, uint64_t last_token);

/* Copies up to 1000 records or 256 KiB. Returns 1 if there is more; 0 if all is copied; or a negative errno. */
int rewrite_some(struct journal_rewrite *rewrite);

/* Is a pass under way? */
static inline bool rewrite_is_active(const struct journal_rewrite *rewrite)
{
	return rewrite->file.fd >= 0;
}

/* Is there something with this mark in the new file? */
static inline bool rewrite_has(const struct journal_rewrite *rewrite, uint32_t mark)
{
	return rewrite_is_active(rewrite) && rewrite->mark == mark;
}

/* Should a holding, lock or directory that is new be noted in the new file? Marks it if so; else it will be copied. */
bool rewrite_takes_holding(struct journal_rewrite *rewrite, struct mem_holding *holding);
bool rewrite_takes_dir(struct journal_rewrite *rewrite, struct mem_dir *dir);

/* A holding or entry is about to be removed: the pass goes on behind it. */
void rewrite_skip_holding(struct journal_rewrite *rewrite, const struct mem_holding *holding);
void rewrite_skip_entry(struct journal_rewrite *rewrite, const struct mem_entry *entry);

#endif
