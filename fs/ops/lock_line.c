/* Prints locks as lines for people and for programs. All bytes that are not printable are escaped (line_text.h). */
#include "fs/ops/lock_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ops/attributes.h"
#include "fs/util/line_text.h"

/* Room for the name of an attribute and what stands around it and its value. */
#define FIELD_NAME_MAX 64

/* Room for one field, whatever bytes its value has. */
#define FIELD_MAX (ATTRIBUTE_VALUE_MAX * LINE_GROWTH_MAX + FIELD_NAME_MAX)

#define FIRST_CAPACITY ((size_t)16 * 1024)
_Static_assert(FIELD_MAX < FIRST_CAPACITY, "doubling the capacity makes room for a field");

void growing_text_clear(struct growing_text *text)
{
	quota_give(text->quota, text->uid, text->capacity);
	free(text->bytes);
	text->bytes = NULL;
	text->size = 0;
	text->capacity = 0;
}

/* Makes room for one field. */
static int make_room(struct growing_text *text)
{
	size_t capacity = text->capacity ? 2 * text->capacity : FIRST_CAPACITY;
	char *bytes;
	int err;

	if (text->capacity - text->size >= FIELD_MAX)
		return 0;
	err = quota_take(text->quota, text->uid, capacity - text->capacity);
	if (err < 0)
		return err;
	bytes = realloc(text->bytes, capacity);
	if (!bytes) {
		quota_give(text->quota, text->uid, capacity - text->capacity);
		return -ENOMEM;
	}
	text->bytes = bytes;
	text->capacity = capacity;
	return 0;
}

/* A field without the separator in front of it. `value` NULL: there is none. */
static char *put_text(char *at, const char *name, const char *value)
{
	return line_put_field(stpcpy(stpcpy(at, name), "="), value, ATTRIBUTE_VALUE_MAX);
}

static char *put_json(char *at, const char *name, const char *value, bool is_number)
{
	at = stpcpy(stpcpy(stpcpy(at, "\""), name), "\":");
	/* Not a number: `never`. */
	if (is_number && value && *value != 'n')
		return stpcpy(at, value);
	return line_put_json_string(at, value, ATTRIBUTE_VALUE_MAX);
}

/* Adds the key, which begins a line. */
static int begin_line(struct growing_text *text, const char *key, bool json)
{
	int err = make_room(text);
	char *at;

	if (err < 0)
		return err;
	at = text->bytes + text->size;
	if (json)
		at = put_json(stpcpy(at, "{"), "key", key, false);
	else
		at = line_put_field(at, key, LOCK_KEY_MAX);
	text->size = (size_t)(at - text->bytes);
	return 0;
}

static int add_field(struct growing_text *text, const struct attribute *attribute, const struct attribute_subject *subject, bool json)
{
	const char *name = attribute->name + strlen(ATTRIBUTE_PREFIX);
	char buffer[ATTRIBUTE_VALUE_MAX];
	const char *value = attribute_print_raw(attribute, subject, buffer, sizeof(buffer)) < 0 ? NULL : buffer;
	int err = make_room(text);
	char *at;

	if (err < 0)
		return err;
	at = text->bytes + text->size;
	if (json)
		at = put_json(stpcpy(at, ","), name, value, attribute->is_number);
	else
		at = put_text(stpcpy(at, "\t"), name, value);
	text->size = (size_t)(at - text->bytes);
	return 0;
}

static int end_line(struct growing_text *text, bool json)
{
	int err = make_room(text);

	if (err < 0)
		return err;
	text->size = (size_t)(stpcpy(text->bytes + text->size, json ? "}\n" : "\n") - text->bytes);
	return 0;
}

int lock_line_add(struct growing_text *text, const struct attribute_subject *subject, const char *key, bool json)
{
	size_t size = text->size;
	int err = begin_line(text, key, json);

	for (const struct attribute *attribute = lock_attributes; err == 0 && attribute->name; attribute++)
		if (strcmp(attribute->name, ATTRIBUTE_PREFIX "key") != 0)
			err = add_field(text, attribute, subject, json);
	if (err == 0)
		err = end_line(text, json);
	/* No reader gets half a line. */
	if (err < 0)
		text->size = size;
	return err;
}
