/*
 * Reads `.locks` and `.locks.json`. A file has a window: the text of the page that was read last, and its place in the file. READs of
 * one file are served one after the other, each as a whole. One that begins in front of the window, or at 0, begins a new pass
 * over the locks; one that begins behind it skips what is in between.
 */
#include "fs/ops/locks_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "backend/util/clock.h"
#include "backend/util/text_copy.h"
#include "fs/caller/caller.h"
#include "fs/caller/permission.h"
#include "fs/holdings/open_file.h"
#include "fs/holdings/pending_request.h"
#include "fs/listing/lock_walk.h"
#include "fs/mount.h"
#include "fs/ops/attributes.h"
#include "fs/ops/lock_line.h"
#include "fs/ops/request/claim.h"
#include "fs/ops/request/request.h"
#include "fs/options.h"
#include "fs/util/reserve.h"

/* A READ that is not answered yet. */
struct locks_read {
	struct pending_request pending;
	struct locks_file *file;
	size_t size;
	off_t offset;
	bool has_begun;           /* the window is where the READ needs it, or on the way there */
	bool is_pending;          /* `pending` has begun and not ended */
	bool is_interrupted;
	int64_t interruptible_ns; /* CLOCK_BOOTTIME: from then on an interrupt ends the READ */
	fuse_req_t fuse;
	struct locks_read *prev, *next; /* in file->reads */
};

struct locks_file {
	struct open_file opened;
	struct mount *mount;
	bool json;
	uid_t uid; /* the user who is charged for it */
	struct credentials who;
	struct kept_claim claim;
	char dir[LOCK_KEY_MAX + 1];

	struct lock_walk *walk;   /* the pass; NULL: none has begun, or it has ended */
	bool has_ended;           /* the window reaches to the end of the file */
	int status;               /* 0, or the negative errno that ended the pass: all READs behind the window fail with it */
	bool is_requesting; /* a page is on its way */
	bool has_ahead;            /* `ahead` is a whole page */
	bool is_serving;          /* serve() runs */
	struct growing_text text; /* the window */
	off_t from;               /* its place in the file */
	struct growing_text ahead; /* the page behind the window, or the part of it that has been made */
	struct locks_read *reads; /* in the order of their arrival */
	struct locks_file *prev, *next;
};

/* READs */

/* Ends a READ; the caller replies. */
static fuse_req_t end_read(struct locks_read *read)
{
	fuse_req_t fuse = read->fuse;

	if (read->is_pending)
		pending_request_end(&read->pending);
	DL_DELETE(read->file->reads, read);
	free(read);
	return fuse;
}

static void fail_read(struct locks_read *read, int status)
{
	fuse_reply_err(end_read(read), -status);
}

/* Programs do not expect EINTR from a file that is no pipe, so an interrupt ends only a READ that takes long. */
static bool must_end(const struct locks_read *read)
{
	return read->is_interrupted && boot_ns() >= read->interruptible_ns;
}

static void on_interrupted(struct pending_request *pending)
{
	struct locks_read *read = (struct locks_read *)pending;

	pending_request_end(pending);
	read->is_pending = false;
	read->is_interrupted = true;
	if (must_end(read))
		fail_read(read, -EINTR);
}

static void end_pass(struct locks_file *file)
{
	if (file->walk)
		lock_walk_free(file->walk);
	file->walk = NULL;
	file->is_requesting = false;
}

/* The pass */

static const char *key_below(const struct locks_file *file, const char *key)
{
	size_t length = strlen(file->dir);

	return length ? key + length + 1 : key;
}

static int on_lock(void *ctx, const struct lock *lock)
{
	struct locks_file *file = ctx;
	bool is_held = lock_is_held_by(lock, &file->claim.claim);
	const struct attribute_subject subject = {
		.key = lock->key,
		.lock = lock,
		.held_by_caller = is_held,
		.may_see_id = attribute_shows_id(file->mount, file->uid, lock, is_held),
	};

	return lock_line_add(&file->ahead, &subject, key_below(file, lock->key), file->json);
}

static void serve(struct locks_file *file);

static void on_page(void *ctx, int status, bool ended)
{
	struct locks_file *file = ctx;

	file->is_requesting = status == 0 && !ended && lock_walk_goes_on(file->walk);
	file->has_ahead = true;
	if (status < 0)
		file->status = status;
	file->has_ended = status == 0 && ended;
	if (status < 0 || ended)
		end_pass(file);
	serve(file);
}

/* Has the first READ to wait for more than there is? */
static bool is_awaited(void *ctx)
{
	const struct locks_file *file = ctx;
	const struct locks_read *read = file->reads;

	return read && !file->has_ahead && read->offset >= file->from + (off_t)file->text.size;
}

/* Begins a new pass, and an empty window at the start of the file. */
static void begin_pass(struct locks_file *file)
{
	const struct lock_walk_plan plan = {
		.dir = file->dir,
		.claim = file->claim.claim,
		.who = &file->who,
		.quota = file->mount->listings_quota,
		.uid = file->uid,
		.on_lock = on_lock,
		.on_page = on_page,
		.is_awaited = is_awaited,
		.ctx = file,
	};

	end_pass(file);
	growing_text_clear(&file->text);
	growing_text_clear(&file->ahead);
	file->has_ahead = false;
	file->from = 0;
	file->has_ended = false;
	file->status = lock_walk_new(file->mount->lock_walks, &plan, &file->walk);
}

/* Moves the window to the next page. */
static void turn_page(struct locks_file *file)
{
	struct growing_text read = file->text;

	file->from += (off_t)read.size;
	read.size = 0;
	file->text = file->ahead;
	file->ahead = read;
	file->has_ahead = false;
}

static void request_page(struct locks_file *file)
{
	file->is_requesting = true;
	lock_walk_next(file->walk);
}

/* Serving */

static void reply_text(struct locks_read *read)
{
	const struct growing_text *text = &read->file->text;
	size_t at = (size_t)(read->offset - read->file->from);
	size_t left = text->size - at;
	size_t size = read->size < left ? read->size : left;

	fuse_reply_buf(end_read(read), text->bytes + at, size);
}

/* Has nothing been read yet? */
static bool has_no_pass(const struct locks_file *file)
{
	return !file->walk && !file->has_ended && file->status == 0;
}

/* Begins a READ that is the first one now. */
static void begin_read(struct locks_read *read)
{
	struct locks_file *file = read->file;

	read->has_begun = true;
	if (read->offset == 0 || read->offset < file->from || has_no_pass(file))
		begin_pass(file);
}

/* Answers the first READ if that is possible. Returns false if it has to wait for a page. */
static bool serve_first(struct locks_file *file)
{
	struct locks_read *read = file->reads;

	if (!read->has_begun)
		begin_read(read);
	if (read->offset < file->from + (off_t)file->text.size)
		reply_text(read);
	else if (file->has_ahead)
		turn_page(file);
	else if (file->is_requesting)
		return false;
	else if (file->status < 0)
		fail_read(read, file->status);
	else if (file->has_ended)
		fuse_reply_buf(end_read(read), NULL, 0);
	else if (must_end(read))
		fail_read(read, -EINTR);
	else if (reserve_check(file->mount->reserve) < 0)
		fail_read(read, -ENOMEM);
	else
		request_page(file);
	return true;
}

static void serve(struct locks_file *file)
{
	/* A page that arrives at once calls this from within the loop. */
	if (file->is_serving)
		return;
	file->is_serving = true;
	while (file->reads && serve_first(file))
		;
	file->is_serving = false;
}

static struct locks_file *locks_file_of(const struct fuse_file_info *info)
{
	return (struct locks_file *)open_file_of(info);
}

static void locks_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
	struct locks_file *file = locks_file_of(info);
	struct locks_read *read = calloc(1, sizeof(*read));

	(void)ino;
	if (!read) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	read->file = file;
	read->size = size;
	read->offset = offset;
	read->fuse = req;
	read->interruptible_ns = boot_ns() + file->mount->options->timeout_ms * NS_PER_MS;
	read->pending.on_end = on_interrupted;
	read->is_pending = true;
	DL_APPEND(file->reads, read);
	pending_request_begin(file->mount->pending, &read->pending, req);
	serve(file);
}

/* Opening and closing */

static void end_reads(struct locks_file *file, int status)
{
	while (file->reads)
		fail_read(file->reads, status);
}

static void close_file(struct locks_file *file)
{
	struct mount *mount = file->mount;

	end_reads(file, -EINTR);
	end_pass(file);
	growing_text_clear(&file->text);
	growing_text_clear(&file->ahead);
	DL_DELETE(mount->locks_files, file);
	quota_give(mount->streams_quota, file->uid, 1);
	free(file);
}

static void locks_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	close_file(locks_file_of(info));
	fuse_reply_err(req, 0);
}

static const struct open_file_ops locks_file_ops = {
	.read = locks_read,
	.write = refuse_write,
	.fsync = refuse_fsync,
	.poll = poll_readable,
	.flock = refuse_flock,
	.setlk = refuse_setlk,
	.getlk = refuse_getlk,
	.flush = ignore_flush,
	.release = locks_release,
};

/* Fills in what the pass needs to know of the caller of the request. */
static void set_reader(struct locks_file *file, const struct request *request)
{
	struct mount *mount = request->mount;

	claim_keep(&file->claim, &request->claim);
	credentials_keep(&file->who, request->fuse, mount->callers->sees_processes);
	file->text = (struct growing_text){ .quota = mount->listings_quota, .uid = file->uid };
	file->ahead = file->text;
	stpcpy(file->dir, request->key);
}

/* Returns 0 or a negative errno. */
static int make_file(const struct request *request, bool json, struct locks_file **ret)
{
	struct mount *mount = request->mount;
	uid_t uid = fuse_req_ctx(request->fuse)->uid;
	struct locks_file *file;
	int err = quota_take(mount->streams_quota, uid, 1);

	if (err < 0)
		return err;
	file = calloc(1, sizeof(*file));
	if (!file) {
		quota_give(mount->streams_quota, uid, 1);
		return -ENOMEM;
	}
	file->opened.ops = &locks_file_ops;
	file->mount = mount;
	file->json = json;
	file->uid = uid;
	set_reader(file, request);
	DL_APPEND(mount->locks_files, file);
	*ret = file;
	return 0;
}

void locks_file_open(struct request *request, bool json)
{
	struct fuse_file_info reply = request->info;
	struct locks_file *file = NULL;
	int err = request_identify(request);

	if (err == 0)
		err = make_file(request, json, &file);
	if (err < 0) {
		fuse_reply_err(request->fuse, -err);
		return;
	}
	reply.fh = (uintptr_t)&file->opened;
	reply.direct_io = 1; /* GETATTR does not know the size */
	reply.noflush = 1;
	if (fuse_reply_open(request->fuse, &reply) < 0)
		close_file(file);
}

void locks_files_stop(struct mount *mount)
{
	struct locks_file *file;

	DL_FOREACH(mount->locks_files, file) {
		end_pass(file);
		end_reads(file, -ESHUTDOWN);
	}
}

void locks_files_free(struct mount *mount)
{
	while (mount->locks_files)
		close_file(mount->locks_files);
}
