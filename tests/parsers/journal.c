/*
 * Tests of the journal of the memory backend: at any instant the file describes the locks as they are, and a file that is damaged,
 * cut off or of elsewhere is refused.
 *
 * A backend makes random changes. Its file is copied, as it would be left by kill -9, and another backend reads the copy: both must
 * list and describe the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "backend/memory/journal/image.h"
#include "lockfs/backend.h"

/* A daemon with locks in memory. */
struct daemon {
	uv_loop_t loop;
	struct backend *backend; /* NULL: it was refused */
	int status;              /* of its start */
	char problem[BACKEND_PROBLEM_MAX];
	char notices[1024];      /* one a line */
};

static char folder[64];

static char *path_of(const char *name)
{
	static char paths[4][128];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void on_started(void *ctx, int status, const char *problem)
{
	struct daemon *daemon = ctx;

	daemon->status = status;
	snprintf(daemon->problem, sizeof(daemon->problem), "%s", problem ? problem : "");
}

static void on_notice(void *ctx, const char *line)
{
	struct daemon *daemon = ctx;
	size_t length = strlen(daemon->notices);

	snprintf(daemon->notices + length, sizeof(daemon->notices) - length, "%s\n", line);
}

static void run_loop(struct daemon *daemon)
{
	uv_run(&daemon->loop, UV_RUN_NOWAIT);
}

/* Starts a daemon with the journal of this name. */
static struct daemon *start_at(const char *journal, const char *mount_point_id, const char *namespace_)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	struct backend_config config = {
		.loop = &daemon->loop,
		.source = "memory:",
		.namespace_ = namespace_,
		.mount_point_id = mount_point_id,
		.journal = path_of(journal),
		.on_notice = on_notice,
		.ctx = daemon,
	};

	assert_int_equal(uv_loop_init(&daemon->loop), 0);
	assert_int_equal(backend_open(&config, &daemon->backend, daemon->problem), 0);
	daemon->status = 1;
	backend_start(daemon->backend, on_started, daemon);
	while (daemon->status == 1)
		uv_run(&daemon->loop, UV_RUN_ONCE);
	return daemon;
}

static struct daemon *start(const char *journal)
{
	return start_at(journal, "mount", "namespace");
}

/* Ends a daemon as one that failed, or as one that was unmounted. */
static void end(struct daemon *daemon, bool unmounted)
{
	if (unmounted)
		backend_forget(daemon->backend);
	backend_close(daemon->backend);
	uv_run(&daemon->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&daemon->loop), 0);
	free(daemon);
}

/* Files */

static uint8_t *load(const char *name, size_t *ret_size)
{
	FILE *file = fopen(path_of(name), "r");
	struct stat seen;
	uint8_t *bytes;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &seen), 0);
	*ret_size = (size_t)seen.st_size;
	bytes = malloc(*ret_size + 1);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, *ret_size, file), *ret_size);
	fclose(file);
	return bytes;
}

static void save(const char *name, const uint8_t *bytes, size_t size)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

static void copy_file(const char *from, const char *to)
{
	size_t size;
	uint8_t *bytes = load(from, &size);

	save(to, bytes, size);
	free(bytes);
}

/* What a backend shows */

#define HOLDERS 6 /* who acquire locks */
#define SMALL 40  /* names of locks that a test has */
#define LARGE 2500 /* names, so that writing the journal anew takes several turns */

static unsigned int key_count = SMALL;

static const char *id_of(unsigned int holder)
{
	static const char *const ids[HOLDERS] = { "anna", "ben", "cleo", "dora", "emil", "fritz" };

	return ids[holder];
}

/* A text that describes everything in a backend. */
struct dump {
	FILE *out;
	unsigned int holder; /* who looks */
};

static void print_holder(FILE *out, const struct lock_holder *holder)
{
	fprintf(out, " id=%s identity=%s user=%s host=%s place=%s command=%s pid=%d uid=%u gid=%u\n", holder->claim.id,
		holder->claim.identity ? holder->claim.identity : "-", holder->user, holder->host, holder->mount_point_id,
		holder->command, (int)holder->pid, holder->uid, holder->gid);
}

static void on_entry(const struct dump *dump, const struct entry *entry)
{
	const struct lock *lock = &entry->lock;

	if (entry->kind == ENTRY_DIR) {
		fprintf(dump->out, "dir %o %u %u changed=%" PRId64 " modified=%" PRId64 " ttl=%" PRId64 " limit=%u\n",
			entry->dir.mode, entry->dir.uid, entry->dir.gid, entry->dir.changed_ms, entry->dir.modified_ms,
			entry->dir.default_ttl_ms, entry->dir.limit);
		return;
	}
	fprintf(dump->out, "lock %d %d %o holders=%" PRIu64 " token=%" PRIu64 " ttl=%" PRId64 " expires=%" PRId64,
		lock->mode, lock->form, lock->permissions, lock->holders, lock->token, lock->ttl_ms, lock->expires_ms);
	fprintf(dump->out, " times=%" PRId64 ",%" PRId64 ",%" PRId64 " first=%s content=%.*s", lock->acquired_ms,
		lock->refreshed_ms, lock->modified_ms, lock->first_key ? lock->first_key : "-", (int)lock->content_size,
		lock->content ? lock->content : "");
	print_holder(dump->out, &lock->holder);
}

/* Every third is in a directory that may be missing. */
static const char *key_of(unsigned int number)
{
	static char keys[2][64];
	static int next;
	char *key = keys[next++ % 2];

	if (number % 3 == 0)
		snprintf(key, sizeof(keys[0]), "dir%u/job%u", number % 5, number);
	else
		snprintf(key, sizeof(keys[0]), "job%u", number);
	return key;
}

static void on_described(void *ctx, int status, const struct entry *entry)
{
	if (status == 0)
		on_entry(ctx, entry);
}

/* What a holder sees of a lock that it does not hold is what others see. */
static void on_seen(void *ctx, int status, const struct entry *entry)
{
	const struct dump *dump = ctx;

	if (status == 0 && (entry->kind == ENTRY_DIR || strcmp(entry->lock.holder.claim.id, id_of(dump->holder)) == 0))
		on_entry(ctx, entry);
}

/* Describes all keys, as each holder sees them. The caller frees it. */
static char *dump(struct daemon *daemon)
{
	struct dump dump = { .holder = 0 };
	char *text = NULL;
	char path[64];
	size_t size;

	dump.out = open_memstream(&text, &size);
	assert_non_null(dump.out);
	backend_read(daemon->backend, "", on_described, &dump);
	for (unsigned int i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "dir%u", i);
		fprintf(dump.out, "%s: ", path);
		backend_read(daemon->backend, path, on_described, &dump);
	}
	for (unsigned int i = 0; i < key_count; i++) {
		fprintf(dump.out, "%s\n", key_of(i));
		for (dump.holder = 0; dump.holder < HOLDERS; dump.holder++) {
			struct lock_claim claim = { .id = id_of(dump.holder) };

			backend_read_as(daemon->backend, key_of(i), &claim, match_any(), on_seen, &dump);
		}
	}
	fclose(dump.out);
	return text;
}

/* Changes */

struct result {
	int status;
	uint64_t token;
};

static void on_lock(void *ctx, int status, const struct lock *lock)
{
	*(struct result *)ctx = (struct result){ status, lock ? lock->token : 0 };
}

static void on_done(void *ctx, int status)
{
	*(struct result *)ctx = (struct result){ status, 0 };
}

#define LONG_MS 3600000
#define SHORT_MS 2

static struct lock_holder holder_of(unsigned int number)
{
	return (struct lock_holder){
		.claim = { .id = id_of(number) },
		.user = "user",
		.host = "host",
		.mount_point_id = "mount",
		.command = id_of(number),
		.pid = 100 + (pid_t)number,
		.uid = 1000 + number,
		.gid = 2000 + number,
	};
}

static struct result acquire_with(struct daemon *daemon, struct acquisition acquisition, unsigned int holder)
{
	static struct acquisition kept;
	struct result result = { 1, 0 };

	kept = acquisition;
	kept.holder = holder_of(holder);
	kept.fallback_ttl_ms = LONG_MS;
	kept.done = on_lock;
	kept.ctx = &result;
	backend_acquire(daemon->backend, &kept);
	assert_int_not_equal(result.status, 1);
	return result;
}

static struct result acquire(struct daemon *daemon, const char *key, unsigned int holder)
{
	struct acquisition acquisition = { .key = key, .permissions = 0640, .content = "begun", .content_size = 5 };

	return acquire_with(daemon, acquisition, holder);
}

static int release(struct daemon *daemon, const char *key, unsigned int holder)
{
	struct lock_claim claim = { .id = id_of(holder) };
	struct result result = { 1, 0 };

	backend_release(daemon->backend, key, &claim, match_any(), on_done, &result);
	return result.status;
}

/* Returns the token of a holding, or 0. */
static void on_token(void *ctx, int status, const struct entry *entry)
{
	uint64_t *token = ctx;

	*token = status == 0 && entry->kind == ENTRY_LOCK ? entry->lock.token : 0;
}

static uint64_t token_of(struct daemon *daemon, const char *key, unsigned int holder)
{
	struct lock_claim claim = { .id = id_of(holder) };
	uint64_t token = 0;

	backend_read_as(daemon->backend, key, &claim, match_any(), on_token, &token);
	return token;
}

static unsigned int seed;

static unsigned int pick(unsigned int below)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % below;
}

static void change_dir(struct daemon *daemon)
{
	struct dir_info info = {
		.mode = 0700 + pick(8),
		.uid = pick(5),
		.gid = pick(5),
		.default_ttl_ms = 1000 * (int64_t)(3600 + pick(9)),
		.limit = key_count + pick(9),
		.modified_ms = pick(1000),
	};
	struct result result;
	char path[64];

	snprintf(path, sizeof(path), "dir%u", pick(5));
	switch (pick(4)) {
	case 0:
		backend_make_dir(daemon->backend, path, &info, on_done, &result);
		break;
	case 1:
		backend_remove_dir(daemon->backend, path, on_done, &result);
		break;
	case 2:
		backend_configure_dir(daemon->backend, "", DIR_LIMIT | DIR_MODIFIED, &info, on_done, &result);
		break;
	default:
		backend_configure_dir(daemon->backend, path, 1u << pick(6), &info, on_done, &result);
		break;
	}
}

static void change_holding(struct daemon *daemon, const char *key, unsigned int holder)
{
	struct lock_claim claim = { .id = id_of(holder) };
	static const char text[4096] = "text";
	struct result result;

	switch (pick(6)) {
	case 0:
		backend_refresh(daemon->backend, key, &claim, match_any(), LONG_MS + pick(1000), pick(1000), on_lock, &result);
		break;
	case 1:
		backend_set_permissions(daemon->backend, key, &claim, match_any(), pick(0777), on_lock, &result);
		break;
	case 2:
		backend_write(daemon->backend, key, token_of(daemon, key, holder), pick(200), text, pick(300), on_done, &result);
		break;
	case 3:
		backend_truncate(daemon->backend, key, &claim, match_any(), pick(400), on_lock, &result);
		break;
	case 4:
		backend_bind(daemon->backend, key, &claim, token_of(daemon, key, holder), on_lock, &result);
		break;
	default:
		backend_release(daemon->backend, key, NULL, match_token(token_of(daemon, key, holder)), on_done, &result);
		break;
	}
}

static void change_lock(struct daemon *daemon)
{
	unsigned int holder = pick(HOLDERS);
	const char *key = key_of(pick(key_count));
	const char *other = key_of(pick(key_count));
	struct acquisition acquisition = { .key = key, .permissions = pick(0777), .mode = pick(2) ? LOCK_SHARED : LOCK_EXCLUSIVE };

	switch (pick(6)) {
	case 0:
	case 1:
		acquisition.form = acquisition.mode == LOCK_EXCLUSIVE ? (enum lock_form)pick(3) : FORM_FILE;
		acquisition.content = acquisition.mode == LOCK_EXCLUSIVE ? "target" : NULL;
		acquisition.content_size = acquisition.content ? 6 : 0;
		acquisition.ttl_ms = pick(4) ? LEASE_UNSET : pick(2) ? LEASE_NEVER : 1 + pick(SHORT_MS);
		acquire_with(daemon, acquisition, holder);
		break;
	case 2:
		acquisition.replaces = token_of(daemon, key, holder);
		if (acquisition.replaces)
			acquire_with(daemon, acquisition, holder);
		break;
	case 3:
		acquisition.mode = LOCK_EXCLUSIVE;
		acquisition.source = other;
		acquisition.source_match = match_any();
		acquisition.moves = pick(2);
		acquire_with(daemon, acquisition, holder);
		break;
	case 4:
		release(daemon, key, holder);
		break;
	default:
		change_holding(daemon, key, holder);
		break;
	}
}

/* Reads a copy of the journal, and compares. */
static void compare(struct daemon *daemon)
{
	struct daemon *next;
	char *wanted, *got;

	copy_file("journal", "copy");
	next = start("copy");
	assert_string_equal(next->problem, "");
	/* So that none of the short leases ends between the two. */
	usleep(2 * SHORT_MS * 1000);
	wanted = dump(daemon);
	got = dump(next);
	assert_string_equal(wanted, got);
	free(wanted);
	free(got);
	end(next, true);
}

static void change_something(struct daemon *daemon)
{
	if (pick(20) == 0)
		change_dir(daemon);
	else
		change_lock(daemon);
	if (pick(50) == 0)
		run_loop(daemon);
}

static off_t size_of(const char *name)
{
	struct stat seen;

	return stat(path_of(name), &seen) == 0 ? seen.st_size : 0;
}

static void test_a_copy_at_any_instant_describes_the_locks(void **state)
{
	struct daemon *daemon = start("journal");
	off_t written = 0;

	(void)state;
	seed = 4711;
	key_count = SMALL;
	for (int i = 0; i < 60000; i++) {
		change_something(daemon);
		if (pick(200) == 0)
			compare(daemon);
		if (size_of("journal") > written)
			written = size_of("journal");
	}
	/* All changes together take more than 5 MB. */
	assert_in_range(written, 1, 1200 * 1024);
	assert_string_equal(daemon->notices, "");
	end(daemon, true);
	assert_int_equal(access(path_of("journal"), F_OK), -1);
}

/* Some locks change before they are copied to the new file, some afterwards. */
static void test_a_journal_that_is_written_anew_while_locks_change_describes_them(void **state)
{
	struct daemon *daemon = start("journal");
	int turns = 0, rewritings = 0;

	(void)state;
	seed = 4712;
	key_count = LARGE;
	for (int i = 0; i < 400000 && rewritings < 5; i++) {
		bool is_rewritten = size_of("journal.new") > 0;

		change_something(daemon);
		if (!is_rewritten)
			continue;
		turns++;
		if (pick(200) == 0)
			compare(daemon);
		if (size_of("journal.new") == 0) {
			rewritings++;
			compare(daemon);
		}
	}
	assert_int_equal(rewritings, 5);
	/* So many changes at least came in the midst of it. */
	assert_in_range(turns, 100, INT32_MAX);
	assert_string_equal(daemon->notices, "");
	end(daemon, true);
	key_count = SMALL;
}

static void test_a_daemon_that_is_killed_while_its_journal_is_written_anew_leaves_the_old_one(void **state)
{
	struct daemon *daemon = start("journal");
	struct daemon *next;
	size_t size;
	uint8_t *bytes;

	(void)state;
	assert_int_equal(acquire(daemon, "job1", 0).status, 0);
	end(daemon, false);
	bytes = load("journal", &size);
	/* Whatever it is, nobody reads it. */
	save("journal.new", bytes, 100);
	free(bytes);
	next = start("journal");
	assert_int_equal(next->status, 0);
	for (int i = 0; i < 5000; i++) {
		acquire(next, "job2", 0);
		release(next, "job2", 0);
		run_loop(next);
	}
	assert_int_not_equal(token_of(next, "job1", 0), 0);
	assert_in_range(size_of("journal"), 1, 600 * 1024);
	end(next, true);
	assert_int_equal(access(path_of("journal.new"), F_OK), -1);
}

/* A journal of three holdings, one released, in memory. The caller frees it. */
static uint8_t *small_journal(size_t *ret_used, size_t *ret_size, char **ret_dump)
{
	struct daemon *daemon = start("journal");
	uint8_t *bytes;
	uint64_t end_word;

	assert_int_equal(acquire(daemon, "one", 0).status, 0);
	assert_int_equal(acquire(daemon, "job1", 0).status, 0);
	assert_int_equal(acquire(daemon, "job2", 1).status, 0);
	assert_int_equal(release(daemon, "one", 0), 0);
	*ret_dump = dump(daemon);
	bytes = load("journal", ret_size);
	memcpy(&end_word, bytes + offsetof(struct image_header, end), sizeof(end_word));
	*ret_used = end_word >> 24;
	end(daemon, true);
	return bytes;
}

/* Starts with these bytes. Either they are refused in one line and left as they are, or all locks are there. */
static bool is_taken_whole(const uint8_t *bytes, size_t size, const char *wanted)
{
	struct daemon *daemon;
	size_t left;
	bool taken;
	char *got;

	save("copy", bytes, size);
	daemon = start("copy");
	taken = daemon->status == 0;
	if (taken) {
		got = dump(daemon);
		assert_string_equal(got, wanted);
		free(got);
	} else {
		uint8_t *after = load("copy", &left);

		assert_int_equal(daemon->status, -EBADMSG);
		assert_non_null(strstr(daemon->problem, "journal"));
		assert_null(strchr(daemon->problem, '\n'));
		assert_int_equal(left, size);
		assert_memory_equal(after, bytes, size);
		free(after);
	}
	end(daemon, taken);
	unlink(path_of("copy"));
	return taken;
}

static void test_a_journal_that_is_cut_off_at_any_byte_is_refused(void **state)
{
	size_t used, size;
	char *wanted;
	uint8_t *bytes = small_journal(&used, &size, &wanted);

	(void)state;
	for (size_t length = 0; length < used; length++)
		assert_false(is_taken_whole(bytes, length, wanted));
	/* What is behind the records is room only. */
	assert_true(is_taken_whole(bytes, used, wanted));
	assert_true(is_taken_whole(bytes, size - 1, wanted));
	assert_true(is_taken_whole(bytes, size, wanted));
	free(bytes);
	free(wanted);
}

static void test_a_journal_with_a_wrong_bit_is_refused(void **state)
{
	size_t used, size, taken = 0;
	char *wanted;
	uint8_t *bytes = small_journal(&used, &size, &wanted);

	(void)state;
	for (size_t i = 0; i < used; i++) {
		bytes[i] ^= (uint8_t)(1u << i % 8);
		taken += is_taken_whole(bytes, used, wanted);
		bytes[i] ^= (uint8_t)(1u << i % 8);
	}
	assert_int_equal(taken, 0);
	free(bytes);
	free(wanted);
}

/* A record that was being written when the daemon was killed. */
static void test_what_is_behind_the_end_does_not_count(void **state)
{
	size_t used, size;
	char *wanted;
	uint8_t *bytes = small_journal(&used, &size, &wanted);

	(void)state;
	memset(bytes + used, 0x5a, size - used);
	assert_true(is_taken_whole(bytes, size, wanted));
	/* A whole record that was not answered yet: the release of the last one, which comes right behind the others. */
	memset(bytes + used, 0, sizeof(struct image_frame) + 8);
	image_seal(bytes + used, used, 6, 8);
	assert_true(is_taken_whole(bytes, size, wanted));
	free(bytes);
	free(wanted);
}

static void test_a_journal_of_another_place_is_refused(void **state)
{
	struct daemon *daemon = start("journal");

	(void)state;
	assert_int_equal(acquire(daemon, "job1", 0).status, 0);
	end(daemon, false);
	daemon = start_at("journal", "elsewhere", "namespace");
	assert_int_equal(daemon->status, -EBADMSG);
	assert_non_null(strstr(daemon->problem, "another mount point or namespace"));
	end(daemon, false);
	daemon = start_at("journal", "mount", "another");
	assert_int_equal(daemon->status, -EBADMSG);
	end(daemon, false);
	daemon = start("journal");
	assert_int_not_equal(token_of(daemon, "job1", 0), 0);
	end(daemon, true);
}

/* Writes the journal as of another boot. */
static void move_to_other_boot(void)
{
	size_t size;
	uint8_t *bytes = load("journal", &size);
	struct image_header header;
	struct image_place place;
	uint64_t end_word;

	memcpy(&header, bytes, sizeof(header));
	end_word = header.end;
	place = header.place;
	place.boot_id[0] ^= 1;
	image_header_init(&header, &place);
	header.end = end_word;
	memcpy(bytes, &header, sizeof(header));
	save("journal", bytes, size);
	free(bytes);
}

static void test_the_leases_of_another_boot_are_over(void **state)
{
	struct daemon *daemon = start("journal");

	(void)state;
	assert_int_equal(acquire(daemon, "job1", 0).status, 0);
	end(daemon, false);
	move_to_other_boot();
	daemon = start("journal");
	assert_int_equal(daemon->status, 0);
	assert_string_equal(daemon->notices, "");
	assert_int_equal(token_of(daemon, "job1", 0), 0);
	assert_int_equal(acquire(daemon, "job2", 1).status, 0);
	end(daemon, false);
	daemon = start("journal");
	assert_int_not_equal(token_of(daemon, "job2", 1), 0);
	end(daemon, true);
}

static void test_one_journal_has_one_daemon(void **state)
{
	struct daemon *daemon = start("journal");
	struct daemon *other;

	(void)state;
	assert_int_equal(acquire(daemon, "job1", 0).status, 0);
	other = start("journal");
	assert_int_equal(other->status, -EBUSY);
	assert_non_null(strstr(other->problem, "another lockfs uses it"));
	end(other, false);
	end(daemon, false);
	other = start("journal");
	assert_int_equal(other->status, 0);
	assert_int_not_equal(token_of(other, "job1", 0), 0);
	end(other, true);
}

static void expect_refused(const char *part)
{
	struct daemon *daemon = start("journal");

	assert_true(daemon->status < 0);
	assert_non_null(strstr(daemon->problem, part));
	end(daemon, false);
}

static void test_a_file_that_others_could_have_written_is_refused(void **state)
{
	struct daemon *daemon = start("journal");

	(void)state;
	assert_int_equal(acquire(daemon, "job1", 0).status, 0);
	end(daemon, false);
	assert_int_equal(chmod(path_of("journal"), 0644), 0);
	expect_refused("only this user");
	assert_int_equal(rename(path_of("journal"), path_of("real")), 0);
	assert_int_equal(symlink(path_of("real"), path_of("journal")), 0);
	expect_refused("cannot write the journal");
	unlink(path_of("journal"));
	assert_int_equal(mkfifo(path_of("journal"), 0600), 0);
	expect_refused("only this user");
	unlink(path_of("journal"));
	unlink(path_of("real"));
}

static void test_tokens_grow_also_when_the_last_holding_has_ended(void **state)
{
	struct daemon *daemon = start("journal");
	uint64_t before = 0, after;

	(void)state;
	assert_int_equal(acquire(daemon, "kept", 0).status, 0);
	/* Faster than one a microsecond, so that tokens are ahead of the clock. */
	for (int i = 0; i < 20000; i++) {
		before = acquire(daemon, "job1", 0).token;
		release(daemon, "job1", 0);
		if (i % 100 == 0)
			run_loop(daemon);
	}
	end(daemon, false);
	daemon = start("journal");
	after = acquire(daemon, "job1", 0).token;
	assert_true(after > before);
	end(daemon, true);
}

static int make_folder(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(folder, sizeof(folder), "%s/journal-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path_of("copy"));
	unlink(path_of("journal"));
	return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_copy_at_any_instant_describes_the_locks),
		TEST(a_journal_that_is_written_anew_while_locks_change_describes_them),
		TEST(a_daemon_that_is_killed_while_its_journal_is_written_anew_leaves_the_old_one),
		TEST(a_journal_that_is_cut_off_at_any_byte_is_refused),
		TEST(a_journal_with_a_wrong_bit_is_refused),
		TEST(what_is_behind_the_end_does_not_count),
		TEST(a_journal_of_another_place_is_refused),
		TEST(the_leases_of_another_boot_are_over),
		TEST(one_journal_has_one_daemon),
		TEST(a_file_that_others_could_have_written_is_refused),
		TEST(tokens_grow_also_when_the_last_holding_has_ended),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
