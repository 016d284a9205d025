/* Prints for the log which locks are bound to open files when a mount ends. */
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "fs/holdings/holding_internal.h"
#include "fs/holdings/renewal.h"

/* Appends a key. Returns false, and appends nothing, if it does not fit. */
static bool append_key(char *text, size_t size, const char *separator, const char *key)
{
	size_t length = strlen(text);

	if (length + strlen(separator) + strlen(key) >= size)
		return false;
	stpcpy(stpcpy(text + length, separator), key);
	return true;
}

size_t renewals_print(const struct holdings *holdings, char text[RENEWALS_TEXT_MAX])
{
	enum { KEYS_MAX = 5, ROOM_FOR_REST = 64 };
	const struct renewal *renewal;
	size_t count = 0;
	size_t shown = 0;

	DL_FOREACH(holdings->renewals, renewal)
		count += renewal_is_bound(renewal) || renewal->released;
	*text = '\0';
	if (count == 0)
		return 0;
	snprintf(text, RENEWALS_TEXT_MAX, count == 1 ? "1 lock" : "%zu locks", count);
	DL_FOREACH(holdings->renewals, renewal) {
		if (!renewal_is_bound(renewal) && !renewal->released)
			continue;
		if (shown == KEYS_MAX ||
			!append_key(text, RENEWALS_TEXT_MAX - ROOM_FOR_REST, shown ? ", " : ": ", renewal->holding->key))
			break;
		shown++;
	}
	if (shown > 0 && shown < count)
		snprintf(text + strlen(text), ROOM_FOR_REST, " and %zu more", count - shown);
	return count;
}
