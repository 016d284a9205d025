/* Reads published messages and events: words and numbers with a space between them. */
#include "backend/redis/reply/message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backend/redis/reply/reply_fields.h"
#include "backend/util/text/number.h"
#include "lockfs/lock.h"

#define HELD_WORD "HELD"
#define HERE_WORD "HERE "
#define SHARED_WORD "shared"

static const struct {
	const char *word;
	enum message_kind kind;
} message_words[] = {
	{ "GRANT", MESSAGE_GRANT },
	{ "TOUCH", MESSAGE_TOUCH },
	{ "ENDED", MESSAGE_ENDED },
	{ "GONE", MESSAGE_GONE },
	{ "REVOKE", MESSAGE_REVOKE },
	{ "FREED", MESSAGE_FREED },
	{ "WHO", MESSAGE_WHO },
};

/* Reads a token as scripts print it: no leading 0, at most INT64_MAX. */
static bool read_token(const char *text, size_t length, uint64_t *ret)
{
	return text[0] != '0' && number_read(text, 10, INT64_MAX, ret) == text + length;
}

/* Returns true if a lock can have this path. */
static bool is_key(const char *key)
{
	char name[LOCK_NAME_MAX + 1];
	size_t length;

	if (strlen(key) > LOCK_KEY_MAX)
		return false;
	for (;; key += length + 1) {
		length = strcspn(key, "/");
		if (length > LOCK_NAME_MAX)
			return false;
		memcpy(name, key, length);
		name[length] = '\0';
		if (!reply_is_name(name))
			return false;
		if (!key[length])
			return true;
	}
}

int message_parse(const char *text, size_t size, struct message *ret)
{
	size_t length = strcspn(text, " ");
	const char *about = text[length] ? text + length + 1 : NULL;
	size_t about_length = about ? strcspn(about, " ") : 0;
	const char *key = about && about[about_length] ? about + about_length + 1 : NULL;

	if (!key || strlen(text) != size || !is_key(key))
		return -EPROTO;
	for (size_t i = 0; i < sizeof(message_words) / sizeof(message_words[0]); i++) {
		if (strlen(message_words[i].word) != length || strncmp(text, message_words[i].word, length) != 0)
			continue;
		*ret = (struct message){ .kind = message_words[i].kind, .key = key };
		if (ret->kind != MESSAGE_GRANT)
			return read_token(about, about_length, &ret->token) ? 0 : -EPROTO;
		if (about_length == 0 || about_length >= sizeof(ret->nonce))
			return -EPROTO;
		memcpy(ret->nonce, about, about_length);
		return 0;
	}
	return -EPROTO;
}

/* Reads a space and a number, and moves `at` behind them. Returns false if `at` points to anything else. */
static bool read_number(const char **at, int64_t *ret)
{
	const char *end = **at == ' ' ? number_read_signed(*at + 1, ret) : NULL;

	if (end)
		*at = end;
	return end;
}

/* Reads the words that follow the key, each after a NUL: what the holding is, unless it is exclusive and a file. */
static int read_traits(const char *at, const char *end, struct lock_event *event)
{
	while (at < end) {
		const char *word = at + 1;

		at = word + strlen(word);
		if (at <= end && strcmp(word, SHARED_WORD) == 0)
			event->shared = true;
		else if (at <= end && lock_form_of(word) != FORM_FILE)
			event->form = lock_form_of(word);
		else
			return -EPROTO;
	}
	return 0;
}

int message_parse_event(const char *text, size_t size, struct lock_event *ret)
{
	size_t length = strcspn(text, " ");
	const char *at = text + length;
	enum lock_event_kind kind;
	int64_t token, ttl_ms;

	/* Later kinds are found out by each mount itself, and published by nobody. */
	if (!event_kind_of(text, length, &kind) || (kind > EVENT_FAILED_REFRESH && kind != EVENT_FULL))
		return -EPROTO;
	*ret = (struct lock_event){ .kind = kind };
	if (!read_number(&at, &ret->time_us) || ret->time_us < 0 || ret->time_us > NOW_MAX_MS * 1000 ||
		!read_number(&at, &token) || token < 0 || !read_number(&at, &ttl_ms) ||
		ttl_ms < LEASE_NEVER || *at++ != ' ')
		return -EPROTO;
	ret->ttl_ms = reply_at_most(ttl_ms, LEASE_MAX_MS);
	ret->token = (uint64_t)token;
	ret->foreign = token_is_foreign(ret->token);
	if (ret->token)
		ret->owner = at;
	/* The owner ends with a NUL; the key follows it. The root directory, which can be full, has the key "". */
	at += strlen(at) + 1;
	if (at > text + size || (*at ? !is_key(at) : kind != EVENT_FULL))
		return -EPROTO;
	ret->key = at;
	return read_traits(at + strlen(at), text + size, ret);
}

int message_parse_held_lease(const char *text, size_t size, int64_t *ret_left_ms, struct lock_event *ret)
{
	const char *at = text + strlen(HELD_WORD);

	if (strncmp(text, HELD_WORD, strlen(HELD_WORD)) != 0 || !read_number(&at, ret_left_ms) || *at++ != ' ')
		return -EPROTO;
	*ret_left_ms = reply_at_most(*ret_left_ms, LEASE_MAX_MS);
	return message_parse_event(at, size - (size_t)(at - text), ret);
}

/* Returns the text at `at` if it has 1 to `most` bytes, and moves `at` behind its NUL; else NULL. `end` is the NUL of the message. */
static const char *read_text(const char **at, const char *end, size_t most)
{
	const char *text = *at;
	size_t length = text <= end ? strlen(text) : 0;

	*at = text + length + 1;
	return length > 0 && length <= most ? text : NULL;
}

int message_parse_here(const char *text, size_t size, struct mount_here *ret)
{
	const char *end = text + size;
	const char *at;

	if (strncmp(text, HERE_WORD, strlen(HERE_WORD)) != 0)
		return -EPROTO;
	at = number_read(text + strlen(HERE_WORD), 10, INT64_MAX, &ret->number);
	if (!at || *at++ != ' ')
		return -EPROTO;
	ret->host = read_text(&at, end, HERE_HOST_MAX);
	ret->place = ret->host ? read_text(&at, end, HERE_PLACE_MAX) : NULL;
	ret->version = ret->place ? read_text(&at, end, HERE_VERSION_MAX) : NULL;
	return ret->version && at == end + 1 ? 0 : -EPROTO;
}

size_t message_print_here(const struct mount_here *here, char *text, size_t room)
{
	int length = snprintf(text, room, HERE_WORD "%" PRIu64 " %.*s%c%.*s%c%.*s", here->number, HERE_HOST_MAX, here->host, '\0',
		HERE_PLACE_MAX, here->place, '\0', HERE_VERSION_MAX, here->version);

	return length > 0 && (size_t)length < room ? (size_t)length : 0;
}
