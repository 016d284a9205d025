/* Fuzz target: joining a directory and a name to a key, or the errno if they make no key. */
#include <errno.h>

#include "fs/names/reserved_name.h"
#include "tests/fuzz/fuzz.h"

static void check_join(const char *dir, const char *name)
{
	size_t whole = strlen(dir) + (*dir ? 1 : 0) + strlen(name);
	/* Memory of exactly the size of a key, so that AddressSanitizer sees a write behind it. */
	char *key = malloc(LOCK_KEY_MAX + 1);
	int status;

	require(key != NULL, "there is memory");
	status = name_join(dir, name, key);
	if (strlen(name) > LOCK_NAME_MAX || whole > LOCK_KEY_MAX) {
		require(status == -ENAMETOOLONG, "what is too long is refused");
	} else if (name_is_reserved(name)) {
		require(status == -EPERM, "what is reserved is refused");
	} else {
		require(status == 0 && strlen(key) == whole, "the rest is a key");
		require(strncmp(key, dir, strlen(dir)) == 0 && strcmp(key + whole - strlen(name), name) == 0,
			"it begins with the directory and ends with the name");
		require(!*dir || key[strlen(dir)] == '/', "a slash is between");
	}
	free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);
	char *slash = strrchr(text, '/');

	if (slash)
		*slash = '\0';
	check_join(slash ? text : "", slash ? slash + 1 : text);
	free(text);
	return 0;
}
