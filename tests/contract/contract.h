/*
 * What the contract suite needs to talk to a backend as if it answered at
 * once: a mount of its own for each test, calls that run the loop until they
 * are answered, and events in the order in which they were told.
 *
 * Callbacks only write down; what they saw is judged by the tests, since a
 * failing assertion jumps out of wherever it stands.
 */
#ifndef TESTS_CONTRACT_CONTRACT_H
#define TESTS_CONTRACT_CONTRACT_H

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uv.h>

#include <cmocka.h>

#include "backend/util/clock.h"
#include "lockfs/backend.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define DEADLINE_NS (10 * NS_PER_S) /* what did not happen by then does not happen, */
#define LATER_DEADLINE_NS NS_PER_S  /* and who has waited in vain once waits less from then on */
#define TIMEOUT_MS 5000
#define FALLBACK_TTL_MS 45000
#define LONG_MS 60000 /* a lease that no test outlives */
#define SHORT_MS 50   /* one that a test waits for */
#define WORK_MS 250   /* one that a test waits for after some calls within it */

#define KEY "job"

#define ROUNDING_MS 2 /* two clocks, each cut to milliseconds */

/* So long may the answer of a backend on this machine take while it is busy. */
#define ANSWER_MS 60

#define NOT_ANSWERED INT_MIN

/* One call and its answer. All live as long as their mount, so that a second answer is seen. */
struct answer {
	struct answer *next;
	int calls;      /* of `done`; one is right */
	int status;
	int64_t at_ns;  /* when it came, CLOCK_BOOTTIME */
	bool is_dir;    /* read: which of the two it was */
	struct lock *lock; /* a copy; NULL: none was given */
	struct dir_info dir;
	char *names;    /* list: see names_print() */
	struct listing listing;
	struct list_item *items; /* of all its pages, */
	size_t item_count;
	int pages;
	char *key;
	struct acquisition acquisition;
};

/* One event that was told. */
struct told {
	enum lock_event_kind kind;
	char *key;
	uint64_t token;
	int64_t ttl_ms;
	int64_t at_ns; /* CLOCK_BOOTTIME */
};

/* What on_ended told. */
struct ended {
	uint64_t token;
	bool taken;
};

/* A backend, opened in a namespace that nobody else has, and all that it said. */
struct mount {
	uv_loop_t loop;
	uv_timer_t alarm;
	struct backend *backend;
	char namespace_[32];
	struct answer *answers;
	struct told *told;
	size_t told_count;
	size_t told_capacity;
	size_t told_seen; /* how many of them the test has looked at */
	size_t gaps;      /* in them, as on_gap told */
	struct ended ended; /* the last holding that on_ended told of */
	const void *row;  /* the row of its table that a test is about */
};

static const char *contract_source = "memory:";
static bool contract_traces; /* the backends are traced, as by `lockfs -d` */

/* Whoever asks in these tests. */
static const struct lock_claim me = { .id = "id-of-mine", .identity = "session-mine" };
static const struct lock_claim they = { .id = "id-of-theirs", .identity = "session-theirs" };

static void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* Running the loop */

static void on_alarm(uv_timer_t *alarm)
{
	(void)alarm; /* It has woken the loop, and that is all. */
}

typedef bool condition(const void *ctx);

/* Runs the loop until `holds`; false where `until_ns` on CLOCK_BOOTTIME came first. */
static bool run_until(struct mount *mount, condition *holds, const void *ctx, int64_t until_ns)
{
	while (!holds(ctx)) {
		int64_t left_ns = until_ns - boot_ns();

		if (left_ns <= 0)
			return false;
		uv_update_time(&mount->loop);
		uv_timer_start(&mount->alarm, on_alarm, (uint64_t)(left_ns / NS_PER_MS + 1), 0);
		uv_run(&mount->loop, UV_RUN_ONCE);
	}
	uv_timer_stop(&mount->alarm);
	return true;
}

/* Waits for what has to happen. */
static void await(struct mount *mount, condition *holds, const void *ctx, const char *what)
{
	static int64_t deadline_ns = DEADLINE_NS;

	if (run_until(mount, holds, ctx, boot_ns() + deadline_ns))
		return;
	deadline_ns = LATER_DEADLINE_NS;
	print_error("waited too long for: %s\n", what);
	fail();
}

/* Waits for an instant without running the loop. */
static void sleep_until(int64_t until_ns)
{
	struct timespec until = { .tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S };

	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &until, NULL) == EINTR)
		continue;
}

/* Events */

static void on_event(void *ctx, const struct lock_event *event)
{
	struct mount *mount = ctx;

	if (mount->told_count == mount->told_capacity) {
		mount->told_capacity = mount->told_capacity ? 2 * mount->told_capacity : 16;
		mount->told = need(reallocarray(mount->told, mount->told_capacity, sizeof(*mount->told)));
	}
	mount->told[mount->told_count++] = (struct told){
		.kind = event->kind,
		.key = need(strdup(event->key)),
		.token = event->token,
		.ttl_ms = event->ttl_ms,
		.at_ns = boot_ns(),
	};
}

static void on_gap(void *ctx)
{
	((struct mount *)ctx)->gaps++;
}

static void on_ended(void *ctx, const char *key, uint64_t token, bool taken)
{
	(void)key;
	((struct mount *)ctx)->ended = (struct ended){ token, taken };
}

static void on_notice(void *ctx, const char *line)
{
	(void)ctx;
	print_error("notice: %s\n", line);
}

static void on_trace(void *ctx, const char *line)
{
	(void)ctx;
	if (!*line)
		abort();
}

static bool has_news(const void *ctx)
{
	const struct mount *mount = ctx;

	return mount->told_seen < mount->told_count;
}

/* The next event that the test has not looked at. It lives until another is told. */
static const struct told *next_event(struct mount *mount)
{
	await(mount, has_news, mount, "an event");
	return &mount->told[mount->told_seen++];
}

static const char *const event_names[] = {
	[EVENT_ACQUIRED] = "ACQUIRED",
	[EVENT_UNAVAILABLE] = "UNAVAILABLE",
	[EVENT_RELEASED] = "RELEASED",
	[EVENT_FAILED_RELEASE] = "FAILED_RELEASE",
	[EVENT_FORCE_RELEASED] = "FORCE_RELEASED",
	[EVENT_REFRESHED] = "REFRESHED",
	[EVENT_FAILED_REFRESH] = "FAILED_REFRESH",
	[EVENT_EXPIRED] = "EXPIRED",
};

/* The next event is this one, about this holding. */
static const struct told *expect_event(struct mount *mount, enum lock_event_kind kind, const char *key,
                                       uint64_t token, int64_t ttl_ms)
{
	const struct told *told = next_event(mount);

	assert_string_equal(event_names[told->kind], event_names[kind]);
	assert_string_equal(told->key, key);
	assert_int_equal(told->token, token);
	assert_int_equal(told->ttl_ms, ttl_ms);
	return told;
}

static void expect_event_of(struct mount *mount, enum lock_event_kind kind, const struct lock *lock)
{
	expect_event(mount, kind, lock->key, lock->token, lock->ttl_ms);
}

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

/* One block of memory, so that free() is all it needs. */
static struct lock *lock_copy(const struct lock *lock)
{
	const struct lock_holder *holder = &lock->holder;
	struct lock *copy = need(malloc(sizeof(*copy) + text_size(lock->key) + text_size(holder->claim.id) +
		text_size(holder->claim.identity) + text_size(holder->user) + text_size(holder->host) +
		text_size(holder->mount_point_id) + text_size(holder->command) + lock->content_size));
	char *cursor = (char *)(copy + 1);

	*copy = *lock;
	copy->key = put_text(&cursor, lock->key);
	copy->holder.claim.id = put_text(&cursor, holder->claim.id);
	copy->holder.claim.identity = put_text(&cursor, holder->claim.identity);
	copy->holder.user = put_text(&cursor, holder->user);
	copy->holder.host = put_text(&cursor, holder->host);
	copy->holder.mount_point_id = put_text(&cursor, holder->mount_point_id);
	copy->holder.command = put_text(&cursor, holder->command);
	copy->content = cursor;
	if (lock->content_size)
		memcpy(cursor, lock->content, lock->content_size);
	return copy;
}

static int compare_items(const void *a, const void *b)
{
	return strcmp(((const struct list_item *)a)->name, ((const struct list_item *)b)->name);
}

/* Prints a list by order of names: `/lock`, `//directory`. No name has a slash, so no two look alike. */
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

/* Takes a page, without the names that were told before. */
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
			(struct list_item){ .name = need(strdup(items[i].name)), .kind = items[i].kind };
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

/* Checks the status of an answer, and passes it on. */
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

/* Calls; those that start_ something return before it is answered */

static struct answer *answer_new(struct mount *mount, const char *key)
{
	struct answer *answer = need(calloc(1, sizeof(*answer)));

	answer->status = NOT_ANSWERED;
	answer->key = need(strdup(key));
	answer->next = mount->answers;
	mount->answers = answer;
	return answer;
}

/* How an acquisition is meant: bits of the fields of this name. */
enum { PLAIN = 0, WAITS = 1 << 0, ANEW = 1 << 1, BOUND = 1 << 2 };

/* An acquisition that is not asked for yet. */
static struct answer *plan_acquire(struct mount *mount, const char *key, const struct lock_holder *holder,
                                   int64_t ttl_ms, unsigned int how)
{
	struct answer *answer = answer_new(mount, key);

	answer->acquisition = (struct acquisition){
		.key = answer->key,
		.holder = *holder,
		.ttl_ms = ttl_ms,
		.fallback_ttl_ms = FALLBACK_TTL_MS,
		.waits = how & WAITS,
		.exclusive_even_for_me = how & ANEW,
		.bound = how & BOUND,
		.done = on_lock_done,
		.ctx = answer,
	};
	return answer;
}

static struct answer *start_acquire_as(struct mount *mount, const char *key, const struct lock_holder *holder,
                                       int64_t ttl_ms)
{
	struct answer *answer = plan_acquire(mount, key, holder, ttl_ms, PLAIN);

	backend_acquire(mount->backend, &answer->acquisition);
	return answer;
}

/* Whoever has this claim. */
static struct lock_holder holder_of(const struct lock_claim *claim)
{
	return (struct lock_holder){
		.claim = *claim,
		.user = "alice",
		.host = "earth",
		.mount_point_id = "earth:/locks",
		.command = "make check",
		.pid = 4711,
		.uid = 1000,
		.gid = 100,
	};
}

static struct answer *start_acquire(struct mount *mount, const char *key, const struct lock_claim *claim,
                                    int64_t ttl_ms)
{
	const struct lock_holder holder = holder_of(claim);

	return start_acquire_as(mount, key, &holder, ttl_ms);
}

static struct answer *acquire(struct mount *mount, const char *key, const struct lock_claim *claim,
                              int64_t ttl_ms)
{
	return wait_for(mount, start_acquire(mount, key, claim, ttl_ms));
}

/* In these tests 0 stands for any holding, as most of them are about the only one. */
static struct holding_match match_of(uint64_t token)
{
	return token ? match_token(token) : match_any();
}

static struct answer *release_match(struct mount *mount, const char *key, const struct lock_claim *claim,
                                    struct holding_match match)
{
	struct answer *answer = answer_new(mount, key);

	backend_release(mount->backend, answer->key, claim, match, on_done, answer);
	return wait_for(mount, answer);
}

static struct answer *release(struct mount *mount, const char *key, const struct lock_claim *claim,
                              uint64_t token)
{
	return release_match(mount, key, claim, match_of(token));
}

static struct answer *force(struct mount *mount, const char *key)
{
	return release(mount, key, NULL, 0);
}

static struct answer *refresh_match(struct mount *mount, const char *key, const struct lock_claim *claim,
                                    struct holding_match match, int64_t ttl_ms)
{
	struct answer *answer = answer_new(mount, key);

	backend_refresh(mount->backend, answer->key, claim, match, ttl_ms, on_lock_done, answer);
	return wait_for(mount, answer);
}

static struct answer *refresh(struct mount *mount, const char *key, const struct lock_claim *claim,
                              uint64_t token, int64_t ttl_ms)
{
	return refresh_match(mount, key, claim, match_of(token), ttl_ms);
}

static struct answer *start_look(struct mount *mount, const char *key)
{
	struct answer *answer = answer_new(mount, key);

	backend_read(mount->backend, answer->key, on_entry_done, answer);
	return answer;
}

static struct answer *look(struct mount *mount, const char *key)
{
	return wait_for(mount, start_look(mount, key));
}

static struct answer *store(struct mount *mount, const char *key, uint64_t token, off_t offset,
                            const void *data, size_t size)
{
	struct answer *answer = answer_new(mount, key);

	backend_write(mount->backend, answer->key, token, offset, data, size, on_done, answer);
	return wait_for(mount, answer);
}

static struct answer *cut_match(struct mount *mount, const char *key, const struct lock_claim *claim,
                                struct holding_match match, off_t size)
{
	struct answer *answer = answer_new(mount, key);

	backend_truncate(mount->backend, answer->key, claim, match, size, on_lock_done, answer);
	return wait_for(mount, answer);
}

static struct answer *cut(struct mount *mount, const char *key, const struct lock_claim *claim,
                          uint64_t token, off_t size)
{
	return cut_match(mount, key, claim, match_of(token), size);
}

/* Asks for the next page of a listing. */
static struct answer *list_more(struct mount *mount, struct answer *answer)
{
	answer->calls = 0;
	backend_list(mount->backend, &answer->listing);
	return wait_for(mount, answer);
}

static struct answer *list(struct mount *mount, const char *path)
{
	struct answer *answer = answer_new(mount, path);

	answer->listing = (struct listing){ .path = answer->key, .done = on_list_done, .ctx = answer };
	list_more(mount, answer);
	while (answer->status == 0 && answer->listing.more)
		list_more(mount, answer);
	if (answer->status == 0)
		answer->names = names_print(answer->items, answer->item_count);
	return answer;
}

/* What directories are made with here, and what else they can be. */
static const struct dir_info plain_dir = { .mode = 0755, .uid = 1000, .gid = 100 };
static const struct dir_info other_dir = { .mode = 0700, .uid = 77, .gid = 88, .default_ttl_ms = LONG_MS };

static struct answer *make_dir_as(struct mount *mount, const char *path, const struct dir_info *info)
{
	struct answer *answer = answer_new(mount, path);

	backend_make_dir(mount->backend, answer->key, info, on_done, answer);
	return wait_for(mount, answer);
}

static struct answer *make_dir(struct mount *mount, const char *path)
{
	return make_dir_as(mount, path, &plain_dir);
}

static struct answer *remove_dir(struct mount *mount, const char *path)
{
	struct answer *answer = answer_new(mount, path);

	backend_remove_dir(mount->backend, answer->key, on_done, answer);
	return wait_for(mount, answer);
}

static struct answer *configure(struct mount *mount, const char *path, unsigned int which,
                                const struct dir_info *info)
{
	struct answer *answer = answer_new(mount, path);

	backend_configure_dir(mount->backend, answer->key, which, info, on_done, answer);
	return wait_for(mount, answer);
}

/* Lets a lease pass without a turn of the loop: nobody has seen it end. */
/* By what remains, a holder counts from before it asked; the backend counts from when it answered at the latest. */
static void let_pass(const struct answer *held)
{
	sleep_until(held->at_ns + (held->lock->ttl_ms + 2) * NS_PER_MS);
}

/* A lock that was mine, or whoever's, and whose lease has passed unseen. */
static const struct lock *acquire_expired(struct mount *mount, const char *key,
                                          const struct lock_claim *claim)
{
	const struct answer *held = expect(0, acquire(mount, key, claim, SHORT_MS));

	let_pass(held);
	return held->lock;
}

/* Mounts */

static struct backend_config mount_config(struct mount *mount)
{
	return (struct backend_config){
		.loop = &mount->loop,
		.source = contract_source,
		.namespace_ = mount->namespace_,
		.timeout_ms = TIMEOUT_MS,
		.on_event = on_event,
		.on_gap = on_gap,
		.on_ended = on_ended,
		.on_notice = on_notice,
		.on_trace = contract_traces ? on_trace : NULL,
		.ctx = mount,
	};
}

/* A mount with a loop and a namespace, but no backend yet. */
static struct mount *mount_new(void)
{
	struct mount *mount = need(calloc(1, sizeof(*mount)));
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		abort();
	snprintf(mount->namespace_, sizeof(mount->namespace_), "contract-%016" PRIx64, number);
	if (uv_loop_init(&mount->loop) < 0 || uv_timer_init(&mount->loop, &mount->alarm) < 0)
		abort();
	return mount;
}

static struct answer *mount_start(struct mount *mount)
{
	struct answer *answer = answer_new(mount, "");

	backend_start(mount->backend, on_started, answer);
	return answer;
}

static void mount_open(struct mount *mount)
{
	const struct backend_config config = mount_config(mount);
	char problem[BACKEND_PROBLEM_MAX] = "";

	if (backend_open(&config, &mount->backend, problem) < 0) {
		print_error("cannot open: %s\n", problem);
		fail();
	}
}

/* Leaves nothing behind in a server that others use too. */
static void sweep(struct mount *mount, const char *path)
{
	const struct answer *found = list(mount, path);

	for (char *at = found->names; at && *at;) {
		bool is_dir = at[1] == '/';
		size_t length;
		char *child = NULL;

		at += is_dir ? 2 : 1;
		length = strcspn(at, "/");
		if (asprintf(&child, "%s%s%.*s", path, *path ? "/" : "", (int)length, at) < 0)
			abort();
		if (is_dir) {
			sweep(mount, child);
			remove_dir(mount, child);
		} else {
			force(mount, child);
		}
		free(child);
		at += length;
	}
}

static void count_handle(uv_handle_t *handle, void *ctx)
{
	size_t *count = ctx;

	(void)handle;
	++*count;
}

/* Has the backend taken everything of its own from the loop, so that only the alarm is left? */
static bool is_alone(const void *ctx)
{
	size_t count = 0;

	uv_walk((uv_loop_t *)ctx, count_handle, &count);
	return count == 1;
}

static bool each_answered_once(const struct mount *mount)
{
	const struct answer *answer = mount->answers;

	while (answer && answer->calls == 1)
		answer = answer->next;
	return !answer;
}

/* Every call is answered when close returns, none once more later, and the loop gets back what was lent. */
static void mount_close(struct mount *mount)
{
	backend_close(mount->backend);
	mount->backend = NULL;
	assert_true(each_answered_once(mount));
	await(mount, is_alone, &mount->loop, "the backend to leave the loop");
	uv_close((uv_handle_t *)&mount->alarm, NULL);
	uv_run(&mount->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&mount->loop), 0);
	assert_true(each_answered_once(mount));
}

static void forget_events(struct mount *mount)
{
	for (size_t i = 0; i < mount->told_count; i++)
		free(mount->told[i].key);
	mount->told_count = mount->told_seen = 0;
}

static void mount_free(struct mount *mount)
{
	struct answer *answer, *next;

	for (answer = mount->answers; answer; answer = next) {
		next = answer->next;
		free(answer->lock);
		free(answer->names);
		for (size_t i = 0; i < answer->item_count; i++)
			free((char *)answer->items[i].name);
		free(answer->items);
		free(answer->key);
		free(answer);
	}
	forget_events(mount);
	free(mount->told);
	free(mount);
}

static bool is_listening(const void *ctx)
{
	const struct mount *mount = ctx;

	return mount->gaps || mount->told_count;
}

/*
 * Has events told from here on. A backend that takes its time to listen tells
 * a gap once it does; one that always listens tells the first event. Those
 * about this key end with its release, so nothing of it meets the test.
 */
static void mount_listen(struct mount *mount)
{
	const char *key = "listening";

	backend_listen(mount->backend, true);
	force(mount, key);
	await(mount, is_listening, mount, "listening");
	expect(0, acquire(mount, key, &me, LONG_MS));
	expect(0, release(mount, key, &me, 0));
	while (next_event(mount)->kind != EVENT_RELEASED)
		continue;
	forget_events(mount);
}

/* What cmocka calls before and after each test. */
static int set_up(void **state)
{
	struct mount *mount = mount_new();

	mount->row = *state;
	mount_open(mount);
	expect(0, wait_for(mount, mount_start(mount)));
	mount_listen(mount);
	*state = mount;
	return 0;
}

static int tear_down(void **state)
{
	struct mount *mount = *state;

	if (mount->backend) {
		sweep(mount, "");
		mount_close(mount);
	}
	mount_free(mount);
	return 0;
}

/* The list of tests, filled in at run time so that each cell of a table has a name of its own */

#define TEST(name) { #name, test_##name, set_up, tear_down, NULL }
#define TEST_UNSTARTED(name) { #name, test_##name, NULL, tear_down, NULL }

static struct CMUnitTest *tests;
static size_t test_count;

static void add_all(const struct CMUnitTest *more, size_t count)
{
	tests = need(reallocarray(tests, test_count + count, sizeof(*tests)));
	memcpy(tests + test_count, more, count * sizeof(*tests));
	test_count += count;
}

static void add(CMUnitTestFunction function, const void *row, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds the test of one row of a table. */
static void add(CMUnitTestFunction function, const void *row, const char *format, ...)
{
	struct CMUnitTest test = {
		.test_func = function,
		.setup_func = set_up,
		.teardown_func = tear_down,
		.initial_state = (void *)row,
	};
	va_list arguments;
	char *name = NULL;

	va_start(arguments, format);
	if (vasprintf(&name, format, arguments) < 0)
		abort();
	va_end(arguments);
	test.name = name;
	add_all(&test, 1);
}

#endif
