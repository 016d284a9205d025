/*
 * The journal of the memory backend: opening it and taking over what is in it, noting changes, writing it anew, and what happens
 * if it cannot be written.
 */
#include "backend/memory/journal/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "backend/memory/journal/describe.h"
#include "backend/memory/journal/rewrite.h"
#include "backend/util/boot_id.h"
#include "backend/util/text_copy.h"

/* A daemon that ends, or that starts and is refused, has the file for some milliseconds: it is waited for up to 1 s. */
#define BUSY_TRIES 50
#define BUSY_PAUSE_MS 20

#define RETRY_MS 5000 /* between attempts to write a journal that could not be written */
#define TURN_MS 1     /* between the turns in which it is written anew */

/* A journal is written anew when it is larger than this and four times what lives. */
#define SLACK_BYTES (256 * 1024)
#define SLACK_FACTOR 4

struct mem_journal {
	struct image_place place;
	const struct mem_tree *tree;
	const uint64_t *last_token;
	struct journal_handlers handlers; /* started is NULL once it was called */
	void (*on_notice)(void *ctx, const char *line);
	void *ctx;
	struct journal_dir dir;
	struct journal_window windows[2];
	struct journal_file file;         /* fd -1: it is not written now */
	struct journal_rewrite rewrite;
	int guard_fd;                     /* a file with the journal's name that is replaced by the one being written; -1: none */
	uint64_t rewrite_at;              /* bytes of the file from which on it is written anew */
	bool is_default;                  /* the user did not name the file: without it the mount works all the same */
	bool is_told;                     /* people know that it cannot be written */
	int busy_tries;
	uv_timer_t timer;
	char path[];
};

bool journal_is_written(const struct mem_journal *journal)
{
	return journal && journal->file.fd >= 0;
}

/* Telling */

static const char *reason_of(int err)
{
	switch (err) {
	case -EBUSY:
		return "another lockfs uses it";
	case -EPERM:
		return "it is not a file that only this user may read and write";
	default:
		return strerror(-err);
	}
}

/* Tells once that the journal cannot be written. */
static void tell_lost(struct mem_journal *journal, int err)
{
	char line[512];

	if (journal->is_told)
		return;
	journal->is_told = true;
	snprintf(line, sizeof(line), "cannot write the journal (%s): until that works again, all locks are lost if this daemon is "
		"killed; journal=FILE names another file: %s", reason_of(err), journal->path);
	journal->on_notice(journal->ctx, line);
}

static void tell_back(struct mem_journal *journal)
{
	char line[512];

	if (!journal->is_told)
		return;
	journal->is_told = false;
	snprintf(line, sizeof(line), "the journal is written again: %s", journal->path);
	journal->on_notice(journal->ctx, line);
}

static void complete_start(struct mem_journal *journal, int status, const char *problem)
{
	backend_started *started = journal->handlers.started;

	journal->handlers.started = NULL;
	if (started)
		started(journal->handlers.started_ctx, status, problem);
}

/* Refuses to start. `format` has a %s for the path, which comes last, as a long one is cut off. */
static void refuse(struct mem_journal *journal, int err, const char *format)
{
	char problem[BACKEND_PROBLEM_MAX];

	snprintf(problem, sizeof(problem), format, journal->path);
	complete_start(journal, err, problem);
}

/* Writing anew */

static void on_timer(uv_timer_t *timer);

static void arm(struct mem_journal *journal, uint64_t ms)
{
	uv_timer_start(&journal->timer, on_timer, ms, 0);
}

static struct journal_window *unused_window(struct mem_journal *journal)
{
	bool first_is_used = journal->file.fd >= 0 && journal->file.window == &journal->windows[0];

	return &journal->windows[first_is_used];
}

static void drop_guard(struct mem_journal *journal)
{
	if (journal->guard_fd >= 0)
		close(journal->guard_fd);
	journal->guard_fd = -1;
}

static void end_rewrite(struct mem_journal *journal)
{
	journal_file_discard(&journal->rewrite.file, &journal->dir);
	drop_guard(journal);
}

/* The journal could not be written anew: the old one is written on, and grows to twice its size before the next attempt. */
static void postpone_rewrite(struct mem_journal *journal)
{
	end_rewrite(journal);
	journal->rewrite_at = 2 * journal->file.end + SLACK_BYTES;
}

/* Makes the new file, of which no other process can make another. Returns 0 or a negative errno. */
static int begin_rewrite(struct mem_journal *journal)
{
	int err = journal_file_create(&journal->rewrite.file, &journal->dir, unused_window(journal), &journal->place);

	if (err == 0)
		err = rewrite_begin(&journal->rewrite, journal->tree, *journal->last_token);
	if (err < 0)
		journal_file_discard(&journal->rewrite.file, &journal->dir);
	return err;
}

/*
 * Makes the new file while this process has no journal that it has locked. Locks the file that has the name, if there is one.
 * Returns 0; -EBUSY if another process has it; or another negative errno.
 */
static int begin_without_file(struct mem_journal *journal)
{
	int err = begin_rewrite(journal);

	if (err < 0)
		return err;
	journal->guard_fd = journal_file_lock(&journal->dir);
	if (journal->guard_fd >= 0 || journal->guard_fd == -ENOENT)
		return 0;
	err = journal->guard_fd;
	journal->guard_fd = -1;
	journal_file_discard(&journal->rewrite.file, &journal->dir);
	return err;
}

/* The new file is complete: it becomes the journal. */
static int finish_rewrite(struct mem_journal *journal)
{
	struct journal_file *file = &journal->rewrite.file;
	int err;

	journal_file_commit(file);
	err = journal_file_publish(file, &journal->dir);
	if (err < 0)
		return err;
	journal_file_close(&journal->file);
	journal->file = *file;
	file->fd = -1;
	drop_guard(journal);
	journal->rewrite_at = SLACK_FACTOR * journal->file.end + SLACK_BYTES;
	tell_back(journal);
	return 0;
}

/* Copies some more. Returns as rewrite_some(). */
static int continue_rewrite(struct mem_journal *journal)
{
	int more = rewrite_some(&journal->rewrite);

	return more == 0 ? finish_rewrite(journal) : more;
}

/* Losing the file */

/* What is not current must not be read by the next daemon, so the file is removed. */
static void lose(struct mem_journal *journal, int err)
{
	end_rewrite(journal);
	journal_file_remove(&journal->file, &journal->dir);
	tell_lost(journal, err);
	arm(journal, RETRY_MS);
}

/* A turn of a journal that is written. */
static void run_turn(struct mem_journal *journal)
{
	int more = rewrite_is_active(&journal->rewrite) ? 1 : begin_rewrite(journal);

	if (more >= 0)
		more = continue_rewrite(journal);
	if (more < 0)
		postpone_rewrite(journal);
	else if (more > 0)
		arm(journal, TURN_MS);
}

static int open_dir(struct mem_journal *journal)
{
	return journal->dir.fd >= 0 ? 0 : journal_dir_open(&journal->dir, journal->path, journal->is_default);
}

/* A turn of a journal that could not be written. */
static void try_again(struct mem_journal *journal)
{
	int more = rewrite_is_active(&journal->rewrite) ? 1 : open_dir(journal);

	if (more == 0)
		more = begin_without_file(journal);
	if (more >= 0)
		more = continue_rewrite(journal);
	if (more < 0) {
		end_rewrite(journal);
		tell_lost(journal, more);
	}
	if (more != 0)
		arm(journal, more < 0 ? RETRY_MS : TURN_MS);
}

/* Starting */

static const char *const refusals[] = {
	[IMAGE_NONE] = "the file is no journal of lockfs; remove it, or name another by journal=FILE: %s",
	[IMAGE_OTHER_VERSION] = "the journal was written by another version of lockfs; remove it to begin without its locks: %s",
	[IMAGE_OTHER_PLACE] = "the journal is of another mount point or namespace; remove it, or name another by journal=FILE: %s",
	[IMAGE_DAMAGED] = "the journal is damaged, so it is not known which locks are held; remove it to begin without them: %s",
};

/* Goes on without the file, or refuses to start if the user named it. */
static void start_without(struct mem_journal *journal, int err)
{
	char format[BACKEND_PROBLEM_MAX];

	if (!journal->is_default) {
		snprintf(format, sizeof(format), "cannot write the journal (%s), which journal= names: %%s", reason_of(err));
		refuse(journal, err, format);
		return;
	}
	/* Another daemon that is being started may get the mount point before the next attempt, and then this one is refused. */
	if (err != -EBUSY)
		tell_lost(journal, err);
	arm(journal, RETRY_MS);
	complete_start(journal, 0, NULL);
}

/* Waits for another process that has the file, but not for long. */
static void await_file(struct mem_journal *journal)
{
	if (journal->busy_tries++ < BUSY_TRIES)
		arm(journal, BUSY_PAUSE_MS);
	else
		start_without(journal, -EBUSY);
}

/* Begins with a new file, in place of the one in `guard_fd`, if any. */
static void start_anew(struct mem_journal *journal)
{
	bool replaces = journal->guard_fd >= 0;
	int err = replaces ? begin_rewrite(journal) : begin_without_file(journal);

	/* Another daemon made the file since it was looked for, and was killed. */
	if (err == 0 && !replaces && journal->guard_fd >= 0)
		err = -EBUSY;
	if (err == 0)
		err = continue_rewrite(journal);
	if (err < 0)
		end_rewrite(journal);
	if (err == 0)
		complete_start(journal, 0, NULL);
	else if (err == -EBUSY)
		await_file(journal);
	else
		start_without(journal, err);
}

/* Takes over the locks of a journal, and goes on writing it. Closes `fd` if it is refused. */
static void take_over(struct mem_journal *journal, int fd, struct image_reader *reader)
{
	int err = journal->handlers.restore(journal->handlers.ctx, reader);

	if (err < 0) {
		close(fd);
		refuse(journal, err, err == -EBADMSG ? refusals[IMAGE_DAMAGED]
			: "there is no memory for the locks of the journal %s");
		return;
	}
	journal->rewrite_at = SLACK_FACTOR * reader->end + SLACK_BYTES;
	err = journal_file_resume(&journal->file, fd, unused_window(journal), reader->end);
	if (err == 0) {
		complete_start(journal, 0, NULL);
		return;
	}
	if (journal->is_default)
		(void)unlinkat(journal->dir.fd, journal->dir.name, 0);
	close(fd);
	start_without(journal, err);
}

/* Begins with a file that is there and locked, whose bytes are these. */
static void start_with(struct mem_journal *journal, int fd, const uint8_t *bytes, size_t size)
{
	struct image_reader reader;
	enum image_verdict verdict = image_open(&reader, bytes, size, &journal->place);

	if (verdict == IMAGE_GOOD) {
		take_over(journal, fd, &reader);
	} else if (verdict == IMAGE_OTHER_BOOT) {
		journal->guard_fd = fd;
		start_anew(journal);
	} else {
		close(fd);
		refuse(journal, -EBADMSG, refusals[verdict]);
	}
}

/* Reads a file that is locked, and begins with it. */
static void read_file(struct mem_journal *journal, int fd)
{
	struct stat file;
	void *bytes;
	size_t size;

	if (fstat(fd, &file) < 0 || file.st_size == 0) {
		close(fd);
		refuse(journal, -EBADMSG, refusals[IMAGE_NONE]);
		return;
	}
	size = (size_t)file.st_size;
	bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED) {
		close(fd);
		refuse(journal, -EIO, "cannot read the journal %s");
		return;
	}
	start_with(journal, fd, bytes, size);
	munmap(bytes, size);
}

static void try_start(struct mem_journal *journal)
{
	int err = open_dir(journal);
	int fd = err < 0 ? err : journal_file_lock(&journal->dir);

	if (fd >= 0)
		read_file(journal, fd);
	else if (fd == -ENOENT && err == 0)
		start_anew(journal);
	else if (fd == -EBUSY)
		await_file(journal);
	else
		start_without(journal, fd);
}

static void on_timer(uv_timer_t *timer)
{
	struct mem_journal *journal = timer->data;

	if (journal->handlers.started)
		try_start(journal);
	else if (journal->file.fd < 0)
		try_again(journal);
	else
		run_turn(journal);
}

void journal_start(struct mem_journal *journal, const struct journal_handlers *handlers)
{
	journal->handlers = *handlers;
	try_start(journal);
}

/* Opening and closing */

static int set_place(struct mem_journal *journal, const struct backend_config *config)
{
	char boot_id[BOOT_ID_SIZE];
	int err = boot_id_read(boot_id);

	return err < 0 ? err : image_place_set(&journal->place, boot_id, config->mount_point_id, config->namespace_);
}

int journal_new(const struct backend_config *config, const struct mem_tree *tree, const uint64_t *last_token,
                struct mem_journal **ret)
{
	struct mem_journal *journal;
	int err;

	*ret = NULL;
	if (!config->journal)
		return 0;
	journal = calloc(1, sizeof(*journal) + text_size(config->journal));
	if (!journal)
		return -ENOMEM;
	journal->tree = tree;
	journal->last_token = last_token;
	journal->on_notice = config->on_notice;
	journal->ctx = config->ctx;
	journal->is_default = config->journal_is_default;
	journal->dir.fd = journal->file.fd = journal->rewrite.file.fd = journal->guard_fd = -1;
	stpcpy(journal->path, config->journal);
	err = set_place(journal, config);
	for (int i = 0; i < 2 && err == 0; i++)
		err = journal_window_reserve(&journal->windows[i]);
	if (err == 0)
		err = uv_timer_init(config->loop, &journal->timer);
	if (err < 0) {
		journal_window_free(&journal->windows[0]);
		journal_window_free(&journal->windows[1]);
		free(journal);
		return err;
	}
	journal->timer.data = journal;
	*ret = journal;
	return 0;
}

/* Is there nothing that the next daemon would have to know? */
static bool is_empty(const struct mem_tree *tree)
{
	const struct dir_info *root = &tree->root->info;

	return !tree->by_path && root->default_ttl_ms == LEASE_UNSET && root->limit == 0 && root->modified_ms == TIME_UNSET;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void journal_close(struct mem_journal *journal, bool forgets)
{
	if (!journal)
		return;
	journal_commit(journal);
	end_rewrite(journal);
	if (forgets || is_empty(journal->tree))
		journal_file_remove(&journal->file, &journal->dir);
	else
		journal_file_close(&journal->file);
	journal_dir_close(&journal->dir);
	journal_window_free(&journal->windows[0]);
	journal_window_free(&journal->windows[1]);
	complete_start(journal, -ESHUTDOWN, NULL);
	uv_close((uv_handle_t *)&journal->timer, on_closed);
}

/* Noting changes */

/* Adds a record to the journal and, if `is_copied`, to the one that is being written anew. */
static void note(struct mem_journal *journal, const struct record *record, bool is_copied)
{
	int err = journal->file.fd < 0 ? 0 : describe_in(&journal->file, record);

	if (err < 0) {
		lose(journal, err);
		return;
	}
	if (is_copied && describe_in(&journal->rewrite.file, record) < 0) {
		postpone_rewrite(journal);
		if (journal->file.fd < 0)
			arm(journal, RETRY_MS);
	}
	if (journal->file.fd >= 0 && journal->file.end > journal->rewrite_at && !rewrite_is_active(&journal->rewrite) &&
		!uv_is_active((uv_handle_t *)&journal->timer))
		arm(journal, TURN_MS);
}

/* Is anything written? */
static bool is_noting(const struct mem_journal *journal)
{
	return journal && (journal->file.fd >= 0 || rewrite_is_active(&journal->rewrite));
}

void journal_note_holding(struct mem_journal *journal, struct mem_holding *holding)
{
	struct record record;

	if (!is_noting(journal))
		return;
	record = describe_holding(holding);
	note(journal, &record, rewrite_takes_holding(&journal->rewrite, holding));
}

void journal_note_state(struct mem_journal *journal, const struct mem_holding *holding)
{
	struct record record;

	if (!is_noting(journal))
		return;
	record = describe_state(holding);
	note(journal, &record, rewrite_has(&journal->rewrite, holding->mark));
}

void journal_note_content(struct mem_journal *journal, const struct mem_holding *holding, size_t offset, size_t count)
{
	struct record record;

	if (!is_noting(journal))
		return;
	record = describe_content(holding, offset, count);
	note(journal, &record, rewrite_has(&journal->rewrite, holding->mark));
}

/* Where only one of the two has been copied, copying the other notes the link. */
void journal_note_link(struct mem_journal *journal, const struct mem_holding *holding)
{
	struct record record;

	if (!is_noting(journal))
		return;
	record = describe_link(holding);
	note(journal, &record, rewrite_has(&journal->rewrite, holding->mark) &&
		(!holding->linked || holding->linked->mark == holding->mark));
}

void journal_note_end(struct mem_journal *journal, const struct mem_holding *holding)
{
	struct record record;

	if (!is_noting(journal))
		return;
	rewrite_skip_holding(&journal->rewrite, holding);
	record = describe_end(holding);
	note(journal, &record, rewrite_has(&journal->rewrite, holding->mark));
}

void journal_note_dir(struct mem_journal *journal, struct mem_dir *dir)
{
	struct record record;

	if (!is_noting(journal))
		return;
	record = describe_dir(dir);
	note(journal, &record, rewrite_takes_dir(&journal->rewrite, dir));
}

void journal_note_dir_end(struct mem_journal *journal, const struct mem_dir *dir)
{
	struct record record;

	if (!is_noting(journal))
		return;
	record = describe_dir_end(dir);
	note(journal, &record, rewrite_has(&journal->rewrite, dir->entry.mark));
}

void journal_forget_entry(struct mem_journal *journal, const struct mem_entry *entry)
{
	if (journal)
		rewrite_skip_entry(&journal->rewrite, entry);
}

void journal_commit(struct mem_journal *journal)
{
	if (journal && journal->file.fd >= 0)
		journal_file_commit(&journal->file);
}
