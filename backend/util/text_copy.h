/*
 * Copies of texts: behind the struct that owns them, so that struct and texts are one allocation, where a cursor
 * points to the place of the next text; and of bytes without a NUL.
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

/* A claim with its texts. It must not be moved. */
struct kept_claim {
	struct lock_claim claim;
	char id[LOCK_ID_MAX + 1];
	char identity[LOCK_IDENTITY_MAX + 1];
};

/* Copies a claim. What is too long for a text is left out, and proves nothing. */
void claim_keep(struct kept_claim *ret, const struct lock_claim *claim);

/* Makes a text of `size` bytes in `text`, of `capacity` bytes. Returns 0, or -EINVAL if they do not fit or have a NUL. */
int copy_bytes(const char *bytes, size_t size, char *text, size_t capacity);

#endif
