/*
 * Fuzz target: messages that a server publishes, to all mounts or to one. What is parsed
 * is within its bounds, and an event that is published again is parsed as the same event.
 */
#include <errno.h>
#include <inttypes.h>

#include "backend/redis/reply/message.h"
#include "lockfs/lock.h"
#include "tests/fuzz/fuzz.h"

/* The latest time that is accepted from a server, in µs: the year 5138. */
#define TIME_MAX_US INT64_C(100000000000000000)

/* Returns the text that event.lua would publish for the event, with a NUL behind it. The caller frees it. */
static char *publish(const struct lock_event *event, size_t *ret_size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_size);

	require(out != NULL, "there is memory");
	fprintf(out, "%s %" PRId64 " %" PRIu64 " %" PRId64 " %s%c%s", event_word(event->kind), event->time_us,
		event->token, event->ttl_ms, event->owner ? event->owner : "", '\0', event->key);
	if (event->shared)
		fprintf(out, "%cshared", '\0');
	if (event->form != FORM_FILE)
		fprintf(out, "%c%s", '\0', lock_form_word(event->form));
	fclose(out);
	return text;
}

static bool same_event(const struct lock_event *one, const struct lock_event *other)
{
	return one->kind == other->kind && one->token == other->token && one->ttl_ms == other->ttl_ms &&
		one->foreign == other->foreign && one->shared == other->shared && one->form == other->form && one->time_us == other->time_us &&
		same_text(one->owner, other->owner) && same_text(one->key, other->key);
}

static void check_event(const struct lock_event *event)
{
	struct lock_event again;
	size_t size;
	char *text = publish(event, &size);

	require(event->kind <= EVENT_FAILED_REFRESH || event->kind == EVENT_FULL, "a server tells of nothing else");
	require(*event->key || event->kind == EVENT_FULL, "only the root directory has no name");
	require(event->time_us >= 0 && event->time_us <= TIME_MAX_US, "its time can be shown");
	require(event->ttl_ms >= LEASE_NEVER && event->ttl_ms <= LEASE_MAX_MS, "a lease is in its bounds");
	require(strlen(event->key) <= LOCK_KEY_MAX, "a key has room");
	require(!event->owner == !event->token, "a holding has an owner");
	require(message_parse_event(text, size, &again) == 0 && same_event(event, &again), "it is the same when told again");
	free(text);
}

static void check_message(const struct message *message, const char *text, size_t size)
{
	require(message->key > text && message->key < text + size, "a key is within the text");
	require(strlen(message->key) <= LOCK_KEY_MAX, "a key has room");
	require(memchr(message->nonce, '\0', sizeof(message->nonce)) != NULL, "a nonce ends");
	require(message->kind <= MESSAGE_WHO, "a message is of a known kind");
	require(!strchr(message->nonce, ' '), "a nonce is one word");
	require((message->kind == MESSAGE_GRANT) == (*message->nonce != '\0'), "a ticket is named by its nonce");
	require((message->kind == MESSAGE_GRANT) == (message->token == 0), "a holding is named by its token");
	require(message->token <= INT64_MAX, "a token is one that a server can count to");
}

static bool same_here(const struct mount_here *one, const struct mount_here *other)
{
	return one->number == other->number && same_text(one->host, other->host) && same_text(one->place, other->place) &&
		same_text(one->version, other->version);
}

static void check_here(const struct mount_here *here)
{
	char text[HERE_HOST_MAX + HERE_PLACE_MAX + HERE_VERSION_MAX + 64];
	size_t size = message_print_here(here, text, sizeof(text));
	struct mount_here again;

	require(*here->host && strlen(here->host) <= HERE_HOST_MAX, "a host has a name");
	require(*here->place && strlen(here->place) <= HERE_PLACE_MAX, "a mount point has room");
	require(*here->version && strlen(here->version) <= HERE_VERSION_MAX, "a version has room");
	require(size > 0, "the message has room");
	require(message_parse_here(text, size, &again) == 0 && same_here(here, &again), "it is the same when told again");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);
	struct message message;
	struct lock_event event;
	struct mount_here here;
	int64_t left_ms;

	if (message_parse_here(text, size, &here) == 0)
		check_here(&here);
	if (message_parse_event(text, size, &event) == 0)
		check_event(&event);
	if (message_parse_held_lease(text, size, &left_ms, &event) == 0) {
		require(left_ms <= LEASE_MAX_MS, "what is left of a lease is in its bounds");
		check_event(&event);
	}
	if (message_parse(text, size, &message) == 0)
		check_message(&message, text, size);
	free(text);
	return 0;
}
