/*
 * The two formats of event lines, documented in lockfs(5). Every byte that is no printable
 * UTF-8 is escaped (line_text.h). To add an event, add its word to `words`.
 */
#include "fs/events/event_line.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "fs/util/line_text.h"
#include "lockfs/duration.h"
#include "lockfs/lock.h"

#define OTHER_FIELDS_MAX 512
_Static_assert((LOCK_KEY_MAX + EVENT_OWNER_MAX) * LINE_GROWTH_MAX + OTHER_FIELDS_MAX <= EVENT_LINE_MAX,
	"the longest line has room");

static char *print_number(char *at, uint64_t number)
{
	return at + snprintf(at, 24, "%" PRIu64, number);
}

static char *print_ttl(char *at, int64_t ttl_ms)
{
	char text[DURATION_TEXT_MAX];

	duration_print(ttl_ms, text);
	return stpcpy(at, text);
}

/* The name of an errno, for programs. */
static const char *error_name(int status)
{
	const char *name = strerrorname_np(-status);

	return name ? name : "UNKNOWN";
}

/* The root directory is shown as `.`, which no lock can be called. */
static const char *shown_key(const struct lock_event *event)
{
	return event->key && !*event->key ? "." : event->key;
}

static bool has_token(const struct lock_event *event)
{
	return event->token != 0 && !event->foreign;
}

/* Text */

static char *print_field(char *at, const char *field, size_t most)
{
	*at++ = '\t';
	return line_put_field(at, field, most);
}

static char *print_text(char *at, const struct lock_event *event)
{
	at = line_put_time(at, event->time_us);
	*at++ = '\t';
	at = stpcpy(at, event_word(event->kind));
	at = print_field(at, shown_key(event), LOCK_KEY_MAX);
	at = print_field(at, event->owner, EVENT_OWNER_MAX);
	*at++ = '\t';
	at = has_token(event) ? print_number(at, event->token) : stpcpy(at, LINE_NOTHING);
	*at++ = '\t';
	at = event->ttl_ms == LEASE_UNSET ? stpcpy(at, LINE_NOTHING) : print_ttl(at, event->ttl_ms);
	if (event->form != FORM_FILE)
		at = stpcpy(stpcpy(at, "\tform="), lock_form_word(event->form));
	if (event->kind == EVENT_UNEXPECTED_ERROR)
		at += snprintf(at, 128, "\toperation=%s\terror=%s", event->operation, error_name(event->status));
	if (event->kind == EVENT_LOST)
		at = print_number(stpcpy(at, "\tlost="), event->lost);
	return at;
}

/* JSON */

static char *print_json_ttl(char *at, int64_t ttl_ms)
{
	if (ttl_ms == LEASE_UNSET)
		return stpcpy(at, "null");
	return ttl_ms == LEASE_NEVER ? stpcpy(at, "\"never\"") : print_ttl(at, ttl_ms);
}

static char *print_json(char *at, const struct lock_event *event)
{
	at = line_put_time(stpcpy(at, "{\"time\":\""), event->time_us);
	at = stpcpy(stpcpy(at, "\",\"event\":\""), event_word(event->kind));
	at = line_put_json_string(stpcpy(at, "\",\"key\":"), shown_key(event), LOCK_KEY_MAX);
	at = line_put_json_string(stpcpy(at, ",\"owner\":"), event->owner, EVENT_OWNER_MAX);
	at = stpcpy(at, ",\"token\":");
	at = has_token(event) ? print_number(at, event->token) : stpcpy(at, "null");
	at = print_json_ttl(stpcpy(at, ",\"ttl\":"), event->ttl_ms);
	if (event->form != FORM_FILE)
		at = stpcpy(stpcpy(stpcpy(at, ",\"form\":\""), lock_form_word(event->form)), "\"");
	if (event->kind == EVENT_FORCE_RELEASED)
		at = stpcpy(stpcpy(at, ",\"held\":"), event->token ? "true" : "false");
	if (event->kind == EVENT_UNEXPECTED_ERROR)
		at += snprintf(at, 128, ",\"operation\":\"%s\",\"error\":\"%s\"", event->operation,
			error_name(event->status));
	if (event->kind == EVENT_LOST)
		at = print_number(stpcpy(at, ",\"lost\":"), event->lost);
	return stpcpy(at, "}");
}

size_t event_line_print(const struct lock_event *event, enum event_format format, char line[EVENT_LINE_MAX])
{
	char *at = format == EVENT_JSON ? print_json(line, event) : print_text(line, event);

	return (size_t)(stpcpy(at, "\n") - line);
}
