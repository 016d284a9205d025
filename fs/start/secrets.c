/*
 * Finds secrets in the command line by text, not by parsing: whatever could be a password or an id is hidden, also in
 * arguments that are refused.
 */
#include "fs/start/secrets.h"

#include <stdbool.h>
#include <string.h>

/* Finds PASSWORD in `scheme://user:PASSWORD@host`; NULL if there is none. */
static char *find_password(char *source, size_t *ret_length)
{
	char *start = strstr(source, "://");
	char *end = start ? strrchr(start, '@') : NULL;

	if (!end)
		return NULL;
	start = memchr(start + 3, ':', (size_t)(end - start - 3));
	if (!start)
		return NULL;
	*ret_length = (size_t)(end - start - 1);
	return start + 1;
}

/* Do three octal digits of a byte stand at `at`? */
static bool is_octal(const char *at)
{
	return at[0] >= '0' && at[0] <= '3' && at[1] >= '0' && at[1] <= '7' && at[2] >= '0' && at[2] <= '7';
}

/* Reads a character of an option list as libfuse does (`\i` and `\151` are an `i`). Returns the position behind it. */
static char *take_character(char *at, char *ret)
{
	if (*at != '\\' || !at[1]) {
		*ret = *at;
		return at + 1;
	}
	at++;
	if (!is_octal(at)) {
		*ret = *at;
		return at + 1;
	}
	*ret = (char)((at[0] - '0') << 6 | (at[1] - '0') << 3 | (at[2] - '0'));
	return at + 3;
}

/* Returns the position behind `prefix`, which may be written with escapes; NULL if `at` begins with something else. */
static char *skip_prefix(char *at, const char *prefix)
{
	char character;

	for (; *prefix; prefix++) {
		if (!*at)
			return NULL;
		at = take_character(at, &character);
		if (character != *prefix)
			return NULL;
	}
	return at;
}

static char *end_of_option(char *at)
{
	char character;

	while (*at && *at != ',')
		at = take_character(at, &character);
	return at;
}

/* Hides ids in a list of options, such as `ttl=1m,id=…`. */
static void hide_ids(char *options)
{
	char *end;

	do {
		char *id = skip_prefix(options, "id=");

		end = end_of_option(options);
		if (id)
			memset(id, '*', (size_t)(end - id));
		options = end + 1;
	} while (*end);
}

void secrets_hide(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		size_t length;
		char *password = find_password(argv[i], &length);

		if (password)
			memset(password, '*', length);
		hide_ids(argv[i]);
		if (strncmp(argv[i], "-o", 2) == 0)
			hide_ids(argv[i] + 2);
	}
}

char *secrets_public_name(const char *source)
{
	char *name = strdup(source);
	size_t length;
	char *password = name ? find_password(name, &length) : NULL;

	if (password)
		memmove(password - 1, password + length, strlen(password + length) + 1);
	return name;
}
