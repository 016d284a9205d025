/* Records that describe what is in the tree now, and adding them to a file. */
#ifndef BACKEND_MEMORY_JOURNAL_DESCRIBE_H
#define BACKEND_MEMORY_JOURNAL_DESCRIBE_H

#include "backend/memory/journal/journal_file.h"
#include "backend/memory/journal/record.h"
#include "backend/memory/tree.h"

/* The texts and bytes of a record are those of the tree. */
struct record describe_token(uint64_t last_token);
struct record describe_holding(const struct mem_holding *holding);
struct record describe_state(const struct mem_holding *holding);
struct record describe_content(const struct mem_holding *holding, size_t offset, size_t count);
struct record describe_link(const struct mem_holding *holding);
struct record describe_end(const struct mem_holding *holding);
struct record describe_dir(const struct mem_dir *dir);
struct record describe_dir_end(const struct mem_dir *dir);

/* Adds a record to a file. Returns 0 or a negative errno. */
int describe_in(struct journal_file *file, const struct record *record);

#endif
