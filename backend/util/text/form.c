/* The words for the forms of locks. */
#include <stddef.h>
#include <string.h>

#include "lockfs/lock.h"

static const char *const words[] = {
	[FORM_FILE] = "file",
	[FORM_SYMLINK] = "symlink",
	[FORM_DIRECTORY] = "directory",
};

const char *lock_form_word(enum lock_form form)
{
	return words[form];
}

enum lock_form lock_form_of(const char *word)
{
	for (size_t i = 0; word && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i]) == 0)
			return (enum lock_form)i;
	return FORM_FILE;
}
