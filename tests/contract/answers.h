/*
 * The answers of calls. A callback keeps a copy of what it is given; the tests judge it, as a failing
 * assertion jumps out of the function that it stands in.
 */
#ifndef TESTS_CONTRACT_ANSWERS_H
#define TESTS_CONTRACT_ANSWERS_H

#include "tests/contract/events.h"

/* Copies of answers */

static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static const char *put_text(char **cursor, const char *text)
{
	char *start = *cursor;

	if (!text)
		return NULL;
	*cursor = stpcpy(start, text) + 1;
	return start;
}

/* The copy and its texts are one allocation, for free(). */
static struct lock *lock_copy(const struct lock *lock)
{
	const struct lock_holder *holder = &lock->holder;
	struct lock *copy = need(malloc(sizeof(*copy) + text_size(lock->key) + text_size(holder->claim.id) +
		text_size(holder->claim.identity) + text_size(holder->user) + text_size(holder->host) +
		text_size(holder->mount_point_id) + text_size(holder->command) + text_size(lock->first_key) +
		lock->content_size));
	char *cursor = (char *)(copy + 1);

	*copy = *lock;
	copy->key = put_text(&cursor, lock->key);
	copy->holder.claim.id = put_text(&cursor, holder->claim.id);
	copy->holder.claim.identity = put_text(&cursor, holder->claim.identity);
	copy->holder.user = put_text(&cursor, holder->user);
	copy->holder.host = put_text(&cursor, holder->host);
	copy->holder.mount_point_id = put_text(&cursor, holder->mount_point_id);
	copy->holder.command = put_text(&cursor, holder->command);
	copy->first_key = put_text(&cursor, lock->first_key);
	copy->content = cursor;
	if (lock->content_size)
		memcpy(cursor, lock->content, lock->content_size);
	return copy;
}

static int compare_items(const void *a, const void *b)
{
	return strcmp(((const struct list_item *)a)->name, ((const struct list_item *)b)->name);
}

/* Prints a list in the order of its names: `/lock`, `//directory`. No name has a slash, so no two lists print alike. */
static char *names_print(const struct list_item *items, size_t count)
{
	struct list_item *sorted = need(calloc(count + 1, sizeof(*sorted)));
	char *text = NULL;
	size_t size;
	FILE *stream = need(open_memstream(&text, &size));

	if (count)
		memcpy(sorted, items, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare_items);
	for (size_t i = 0; i < count; i++)
		fprintf(stream, "%s%s", sorted[i].kind == ENTRY_DIR ? "//" : "/", sorted[i].name);
	fclose(stream);
	free(sorted);
	return need(text);
}

/* Answers as they come */

static void on_done(void *ctx, int status)
{
	struct answer *answer = ctx;

	answer->at_ns = boot_ns();
	answer->status = status;
	answer->calls++;
}

static void on_lock_done(void *ctx, int status, const struct lock *lock)
{
	struct answer *answer = ctx;

	if (lock && !answer->lock)
		answer->lock = lock_copy(lock);
	on_done(ctx, status);
}

static void on_entry_done(void *ctx, int status, const struct entry *entry)
{
	struct answer *answer = ctx;
	bool is_lock = status == 0 && entry->kind == ENTRY_LOCK;

	answer->is_dir = status == 0 && !is_lock;
	if (answer->is_dir)
		answer->dir = entry->dir;
	on_lock_done(ctx, status, is_lock ? &entry->lock : NULL);
}

/* Keeps the names of a page, without those that came before. */
static void on_list_done(struct listing *listing, int status, const struct list_item *items, size_t count)
{
	struct answer *answer = listing->ctx;

	for (size_t i = 0; status == 0 && i < count; i++) {
		size_t told = 0;

		while (told < answer->item_count && strcmp(answer->items[told].name, items[i].name) != 0)
			told++;
		if (told < answer->item_count && listing->repeats)
			continue;
		answer->items = need(realloc(answer->items, (answer->item_count + 1) * sizeof(*items)));
		answer->items[answer->item_count++] =
			(struct list_item){ .name = need(strdup(items[i].name)), .kind = items[i].kind, .form = items[i].form };
	}
	answer->pages++;
	on_done(answer, status);
}

static void on_started(void *ctx, int status, const char *problem)
{
	if (status < 0 && status != -ESHUTDOWN)
		print_error("cannot start: %s\n", problem ? problem : strerror(-status));
	on_done(ctx, status);
}

static bool is_answered(const void *ctx)
{
	return ((const struct answer *)ctx)->calls > 0;
}

static struct answer *wait_for(struct mount *mount, struct answer *answer)
{
	await(mount, is_answered, answer, "an answer");
	return answer;
}

static const char *status_name(int status)
{
	const char *name = strerrorname_np(-status);

	return status == 0 ? "0" : name ? name : "nonsense";
}

/* Checks the status of an answer, and returns the answer. */
#define expect(wanted, answer) expect_at(wanted, answer, #answer, __FILE__, __LINE__)

static struct answer *expect_at(int wanted, struct answer *answer, const char *call, const char *file,
                                int line)
{
	if (answer->status != wanted) {
		print_error("%s: %s instead of %s\n", call, status_name(answer->status), status_name(wanted));
		_fail(file, line);
	}
	return answer;
}

#endif
