/*
 * The journal of the memory backend: a file from which the next daemon on this mount point has the locks of one that was killed.
 *
 * Each change of the tree is noted where it is made, and journal_commit() is called before anybody is answered. So an answer
 * never leaves before its records are in the file, and a step that needs several records is there as a whole or not at all.
 *
 * Once the file has four times the size of what lives, it is written anew, some records a turn of the loop. Meanwhile changes
 * are noted in both files if what they change has been copied already; the old file counts until the new one has its name.
 *
 * If the file cannot be written it is removed, as what is not current must not be read. That is told once, and tried again.
 */
#ifndef BACKEND_MEMORY_JOURNAL_JOURNAL_H
#define BACKEND_MEMORY_JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/memory/journal/image.h"
#include "backend/memory/tree.h"
#include "lockfs/backend.h"

struct mem_journal;

/* What a journal calls. */
struct journal_handlers {
	/* Takes over the locks of a journal. Returns 0; -EBADMSG: it is damaged; or -ENOMEM. Then the tree is no longer used. */
	int (*restore)(void *ctx, struct image_reader *reader);
	backend_started *started; /* called once; see journal_start() */
	void *ctx; /* of restore */
	void *started_ctx;
};

/*
 * Makes the journal that `config` names. Returns 0 and *ret, which is NULL if it names none; or a negative errno. The tree and
 * the last token live as long as the journal.
 */
int journal_new(const struct backend_config *config, const struct mem_tree *tree, const uint64_t *last_token,
                struct mem_journal **ret);

/*
 * Opens the file, and takes over the locks in it. `started` is called, maybe at once: with 0; or with a negative errno and a line
 * for people, if the locks in the file are not known, or the file cannot be used and the user named it.
 */
void journal_start(struct mem_journal *journal, const struct journal_handlers *handlers);

/*
 * Closes the journal, and frees it in a later turn of the loop; accepts NULL. If `forgets`, or if there is nothing to keep, its
 * file is removed, else the next daemon reads it. `started` is called if it was not yet.
 */
void journal_close(struct mem_journal *journal, bool forgets);

/* Is the file written, so that a crash of the daemon loses no lock? False for NULL. */
bool journal_is_written(const struct mem_journal *journal);

/* Notes that a holding has begun. Its form, permissions, lease and holder are set. */
void journal_note_holding(struct mem_journal *journal, struct mem_holding *holding);

/* Notes that the lease, times or permissions of a holding have changed. */
void journal_note_state(struct mem_journal *journal, const struct mem_holding *holding);

/* Notes that `count` bytes of the content of a lock have changed, or only its size. `holding` is one of the lock. */
void journal_note_content(struct mem_journal *journal, const struct mem_holding *holding, size_t offset, size_t count);

/* Notes to which other holding this one is linked; to none, if `linked` is NULL. */
void journal_note_link(struct mem_journal *journal, const struct mem_holding *holding);

/* Notes that a holding that was noted ends, before it is removed. */
void journal_note_end(struct mem_journal *journal, const struct mem_holding *holding);

/* Notes that a directory was made, or that its settings have changed. */
void journal_note_dir(struct mem_journal *journal, struct mem_dir *dir);

/* Notes that a directory is removed, before it is. */
void journal_note_dir_end(struct mem_journal *journal, const struct mem_dir *dir);

/* A lock or directory is about to be removed from the tree, after its end was noted. */
void journal_forget_entry(struct mem_journal *journal, const struct mem_entry *entry);

/* What was noted counts from now on. All of these functions accept NULL for the journal. */
void journal_commit(struct mem_journal *journal);

#endif
