/*
 * Copies of texts behind the struct that owns them, so that struct and texts are one allocation. A cursor
 * points to the place of the next text.
 */
#ifndef BACKEND_UTIL_TEXT_COPY_H
#define BACKEND_UTIL_TEXT_COPY_H

#include "lockfs/lock.h"

/* Bytes of a copy, its NUL included; 0 for NULL. */
size_t text_size(const char *text);
size_t holder_text_size(const struct lock_holder *holder);

/* Copies a text to the cursor, and moves the cursor behind it. NULL stays NULL. */
const char *copy_text(char **cursor, const char *text);
struct lock_holder copy_holder(char **cursor, const struct lock_holder *holder);

#endif
