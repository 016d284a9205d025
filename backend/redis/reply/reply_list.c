/* Reads pages of names. */
#include "backend/redis/reply/reply_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/reply/reply_fields.h"

static size_t add_items(const redisReply *names, enum entry_kind kind, enum lock_form form, struct list_item *items)
{
	size_t count = 0;

	for (size_t i = 0; i < names->elements; i++) {
		const char *name = reply_text(names, i);

		if (reply_is_name(name))
			items[count++] = (struct list_item){ .name = name, .kind = kind, .form = form };
	}
	return count;
}

/* Returns the cursor of the next page, or NULL if the reply has no valid one. */
static const char *cursor_of(const redisReply *reply)
{
	const char *cursor = reply_text(reply, 1);

	return cursor && strlen(cursor) < LISTING_CURSOR_MAX ? cursor : NULL;
}

/* Reads the cursor and arrays of names. `locks` may be NULL; all of them have this form. */
static int read_page(const redisReply *reply, const redisReply *dirs, const redisReply *locks, enum lock_form form,
                     struct list_page *ret)
{
	size_t most = dirs->elements + (locks ? locks->elements : 0);

	*ret = (struct list_page){ .cursor = cursor_of(reply) };
	if (!ret->cursor)
		return -EPROTO;
	if (most == 0)
		return 0;
	ret->items = calloc(most, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	ret->count = add_items(dirs, ENTRY_DIR, FORM_FILE, ret->items);
	if (locks)
		ret->count += add_items(locks, ENTRY_LOCK, form, ret->items + ret->count);
	return 0;
}

int reply_list(const redisReply *reply, struct list_page *ret)
{
	enum { WORD, CURSOR, DIRS, LOCKS, EXPECTED, FORMS };
	const redisReply *dirs = reply_element(reply, DIRS, REDIS_REPLY_ARRAY);
	const redisReply *locks = reply_element(reply, LOCKS, REDIS_REPLY_ARRAY);
	const redisReply *expected = reply_element(reply, EXPECTED, REDIS_REPLY_INTEGER);
	const redisReply *forms = reply_element(reply, FORMS, REDIS_REPLY_INTEGER);
	int err;

	if (!dirs || !locks || !expected || expected->integer < 0 || !forms)
		return -EPROTO;
	err = read_page(reply, dirs, locks, forms->integer ? FORM_UNKNOWN : FORM_FILE, ret);
	if (err == 0)
		ret->expected = (size_t)expected->integer;
	return err;
}

int reply_lease_scan(const redisReply *reply, struct list_page *ret)
{
	enum { WORD, CURSOR, DIRS };
	const redisReply *dirs = reply_element(reply, DIRS, REDIS_REPLY_ARRAY);

	return dirs ? read_page(reply, dirs, NULL, FORM_FILE, ret) : -EPROTO;
}
