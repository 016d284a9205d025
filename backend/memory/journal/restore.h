/* Takes over the locks of a journal. */
#ifndef BACKEND_MEMORY_JOURNAL_RESTORE_H
#define BACKEND_MEMORY_JOURNAL_RESTORE_H

#include "backend/memory/journal/image.h"

struct memory_backend;

/*
 * Makes the locks and directories of a journal, which were made in this order by a backend that began empty, as this one must be.
 * Leases that are over end when the backend is next called. No quota refuses what was granted once. Returns 0; -EBADMSG if the
 * journal is damaged, or -ENOMEM: then the backend has a part of the locks, and must be closed.
 */
int memory_restore(struct memory_backend *memory, struct image_reader *reader);

#endif
