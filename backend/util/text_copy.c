/* Copies of texts, behind the struct that owns them, and of bytes without a NUL. */
#include "backend/util/text_copy.h"

#include <errno.h>
#include <string.h>

size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

size_t holder_text_size(const struct lock_holder *holder)
{
	return text_size(holder->claim.id) + text_size(holder->claim.identity) + text_size(holder->user) +
		text_size(holder->host) + text_size(holder->mount_point_id) + text_size(holder->command);
}

const char *copy_text(char **cursor, const char *text)
{
	char *start = *cursor;

	if (!text)
		return NULL;
	*cursor = stpcpy(start, text) + 1;
	return start;
}

struct lock_holder copy_holder(char **cursor, const struct lock_holder *holder)
{
	struct lock_holder copy = *holder;

	copy.claim.id = copy_text(cursor, holder->claim.id);
	copy.claim.identity = copy_text(cursor, holder->claim.identity);
	copy.user = copy_text(cursor, holder->user);
	copy.host = copy_text(cursor, holder->host);
	copy.mount_point_id = copy_text(cursor, holder->mount_point_id);
	copy.command = copy_text(cursor, holder->command);
	return copy;
}

int copy_bytes(const char *bytes, size_t size, char *text, size_t capacity)
{
	if (size >= capacity || memchr(bytes, '\0', size))
		return -EINVAL;
	memcpy(text, bytes, size);
	text[size] = '\0';
	return 0;
}

static const char *keep_text(const char *from, char *to, size_t size)
{
	return from && copy_bytes(from, strlen(from), to, size) == 0 ? to : NULL;
}

void claim_keep(struct kept_claim *ret, const struct lock_claim *claim)
{
	ret->claim.id = keep_text(claim->id, ret->id, sizeof(ret->id));
	ret->claim.identity = keep_text(claim->identity, ret->identity, sizeof(ret->identity));
}
