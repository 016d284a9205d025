/*
 * Copies of texts behind the struct that owns them, so that both are one
 * allocation. A cursor is where the next text goes.
 */
#ifndef BACKEND_UTIL_TEXT_COPY_H
#define BACKEND_UTIL_TEXT_COPY_H

#include "lockfs/lock.h"

/* Bytes that a copy takes, its NUL included; 0 for NULL. */
size_t text_size(const char *text);
size_t holder_text_size(const struct lock_holder *holder);

/* Copies to the cursor, and moves it on. NULL stays NULL. */
const char *copy_text(char **cursor, const char *text);
struct lock_holder copy_holder(char **cursor, const struct lock_holder *holder);

#endif
