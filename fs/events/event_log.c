/* A list of event records, with a count of the readers whose position is at each of them. */
#include "fs/events/event_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "backend/util/clock.h"
#include "lockfs/event.h"

/* 4 MiB: some ten thousand events. */
#define LOG_MAX (4 * 1024 * 1024)

/* 32 KiB: a read with a smaller buffer gets one line. */
#define MANY_LINES_MIN (32 * 1024)

struct event_record {
	struct event_news news;  /* points to `event` and `dirs` */
	struct lock_event event;
	size_t size;
	size_t readers;          /* readers whose position is here */
	struct event_record *prev, *next;
	struct permissions dirs[]; /* the texts of the event follow */
};

static bool is_below(const char *key, const char *dir)
{
	size_t length = strlen(dir);

	return length == 0 || (strncmp(key, dir, length) == 0 && key[length] == '/');
}

/* Is the event about something in this directory, or about the directory being full? */
static bool is_of(const struct lock_event *event, const char *dir)
{
	return is_below(event->key, dir) || (event->kind == EVENT_FULL && strcmp(event->key, dir) == 0);
}

/* A user who can list a directory may see the events of locks in it. */
static bool may_see(const struct credentials *who, const struct event_news *news)
{
	if (who->uid == 0)
		return true;
	for (size_t i = 0; i < news->dir_count; i++)
		if (permission_check(who, &news->dirs[i], i + 1 < news->dir_count ? X_OK : R_OK | X_OK) < 0)
			return false;
	return news->dir_count > 0;
}

/* An event about no lock, such as a gap, is for all readers. */
static bool is_for(const struct event_reader *reader, const struct event_news *news)
{
	if (news->number <= reader->since)
		return false;
	return !news->event->key || (is_of(news->event, reader->dir) && may_see(&reader->who, news));
}

static struct event_record *make_record(const struct event_news *news)
{
	const struct lock_event *event = news->event;
	size_t key_size = event->key ? strlen(event->key) + 1 : 0;
	size_t owner_size = event->owner ? strnlen(event->owner, EVENT_OWNER_MAX - 1) + 1 : 0;
	size_t dirs_size = news->dir_count * sizeof(*news->dirs);
	size_t size = sizeof(struct event_record) + dirs_size + key_size + owner_size;
	struct event_record *record = malloc(size);
	char *text;

	if (!record)
		return NULL;
	text = (char *)record->dirs + dirs_size;
	record->event = *event;
	record->news = *news;
	record->news.event = &record->event;
	record->news.dirs = record->dirs;
	record->size = size;
	record->readers = 0;
	if (dirs_size)
		memcpy(record->dirs, news->dirs, dirs_size);
	if (event->key)
		record->event.key = memcpy(text, event->key, key_size);
	if (event->owner) {
		record->event.owner = memcpy(text + key_size, event->owner, owner_size - 1);
		text[key_size + owner_size - 1] = '\0';
	}
	return record;
}

/* Positions */

static void set_position(struct event_reader *reader, struct event_record *record)
{
	if (reader->at)
		reader->at->readers--;
	reader->at = record;
	if (record)
		record->readers++;
}

/* Returns the first record from `record` on that is for this reader. */
static struct event_record *first_for(const struct event_reader *reader, struct event_record *record)
{
	while (record && !is_for(reader, &record->news))
		record = record->next;
	return record;
}

static void remove_first(struct event_log *log)
{
	struct event_record *first = log->records;

	DL_DELETE(log->records, first);
	log->size -= first->size;
	free(first);
}

/* Removes the records that all readers have read. */
static void trim(struct event_log *log)
{
	while (log->records && log->records->readers == 0)
		remove_first(log);
}

static void lose(struct event_log *log, struct event_reader *reader)
{
	reader->lost++;
	log->lost++;
}

/* Removes the oldest record, although some readers have not read it. */
static void lose_first(struct event_log *log)
{
	struct event_reader *reader;

	DL_FOREACH(log->readers, reader) {
		if (reader->at != log->records)
			continue;
		set_position(reader, first_for(reader, log->records->next));
		lose(log, reader);
	}
	remove_first(log);
}

void event_log_join(struct event_log *log, struct event_reader *reader)
{
	DL_APPEND(log->readers, reader);
	log->reader_count++;
	log->restricted_count += reader->who.uid != 0;
}

void event_log_leave(struct event_log *log, struct event_reader *reader)
{
	DL_DELETE(log->readers, reader);
	log->reader_count--;
	log->restricted_count -= reader->who.uid != 0;
	set_position(reader, NULL);
	free(reader->rest);
	reader->rest = NULL;
	trim(log);
}

static bool concerns_anybody(const struct event_log *log, const struct event_news *news)
{
	const struct event_reader *reader;

	DL_FOREACH(log->readers, reader)
		if (is_for(reader, news))
			return true;
	return false;
}

void event_log_add(struct event_log *log, const struct event_news *news)
{
	struct event_reader *reader, *next;
	struct event_record *record;

	if (!concerns_anybody(log, news))
		return;
	record = make_record(news);
	if (record) {
		DL_APPEND(log->records, record);
		log->size += record->size;
	}
	DL_FOREACH(log->readers, reader) {
		if (!is_for(reader, news))
			continue;
		if (!record)
			lose(log, reader);
		else if (!reader->at)
			set_position(reader, record);
	}
	while (log->size > LOG_MAX)
		lose_first(log);
	trim(log);
	DL_FOREACH_SAFE(log->readers, reader, next)
		if (is_for(reader, news) && event_reader_has_news(reader))
			log->on_news(log->ctx, reader);
}

void event_log_lose(struct event_log *log)
{
	struct event_reader *reader, *next;

	DL_FOREACH(log->readers, reader)
		lose(log, reader);
	DL_FOREACH_SAFE(log->readers, reader, next)
		log->on_news(log->ctx, reader);
}

/* Reading */

bool event_reader_has_news(const struct event_reader *reader)
{
	return reader->rest || reader->lost || reader->at;
}

static size_t take_rest(struct event_reader *reader, char *buffer, size_t size)
{
	size_t left = strlen(reader->rest + reader->rest_at);
	size_t taken = left < size ? left : size;

	memcpy(buffer, reader->rest + reader->rest_at, taken);
	reader->rest_at += taken;
	if (taken == left) {
		free(reader->rest);
		reader->rest = NULL;
	}
	return taken;
}

/* Prints the next line for a reader. Returns its length; 0: there is none. */
static size_t next_line(const struct event_reader *reader, char line[EVENT_LINE_MAX])
{
	struct lock_event lost = { .kind = EVENT_LOST, .lost = reader->lost, .time_us = epoch_ns() / 1000 };

	if (!reader->lost && !reader->at)
		return 0;
	return event_line_print(reader->lost ? &lost : &reader->at->event, reader->format, line);
}

/* The reader has read the line that next_line() printed. */
static void consume_line(struct event_reader *reader)
{
	if (reader->lost)
		reader->lost = 0;
	else
		set_position(reader, first_for(reader, reader->at->next));
}

ssize_t event_log_read(struct event_log *log, struct event_reader *reader, char *buffer, size_t size)
{
	char line[EVENT_LINE_MAX];
	size_t used = reader->rest ? take_rest(reader, buffer, size) : 0;
	size_t length;

	while (!reader->rest && used < size && (length = next_line(reader, line)) > 0) {
		if (used > 0 && (size < MANY_LINES_MIN || length > size - used))
			break;
		if (length > size) {
			reader->rest = strdup(line + size);
			reader->rest_at = 0;
			if (!reader->rest)
				return -ENOMEM;
			length = size;
		}
		memcpy(buffer + used, line, length);
		used += length;
		consume_line(reader);
	}
	trim(log);
	return (ssize_t)used;
}
