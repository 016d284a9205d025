/*
 * Fuzz target: a journal of the memory backend. The first byte says whether the input is the file itself, or the records in it,
 * which get their checksums here. Either it is refused, or what the backend shows of it is sound and can be used.
 *
 * Records in the input: a byte for the kind, two bytes for the size of the payload, the payload.
 */
#include <errno.h>
#include <uv.h>

#include "backend/memory/journal/image.h"
#include "backend/memory/journal/record.h"
#include "backend/memory/journal/restore.h"
#include "backend/memory/memory_internal.h"
#include "tests/fuzz/fuzz.h"

#define IMAGE_MAX (64 * 1024)

static void on_event(void *ctx, const struct lock_event *event)
{
	(void)ctx;
	require(event->key != NULL, "an event has a key");
}

static void on_done(void *ctx, int status)
{
	*(int *)ctx = status;
}

/* Packs the input into records. Returns the bytes of the journal. */
static size_t pack(const uint8_t *data, size_t size, const struct image_place *place, uint8_t *image)
{
	struct image_header header;
	uint64_t end = sizeof(header);

	image_header_init(&header, place);
	while (size > 0) {
		uint8_t head[3];
		size_t payload;

		take_bytes(&data, &size, head, sizeof(head));
		payload = head[1] + 256u * (head[2] % 8);
		if (end + image_record_size(payload) > IMAGE_MAX)
			break;
		take_bytes(&data, &size, image + end + sizeof(struct image_frame), payload);
		image_seal(image + end, end, head[0], payload);
		end += image_record_size(payload);
	}
	header.end = image_end_word(end);
	memcpy(image, &header, sizeof(header));
	return end;
}

static void check_lock(const struct lock *lock)
{
	require(lock->key && *lock->key && strlen(lock->key) <= LOCK_KEY_MAX, "a lock has a key");
	require(lock->token > 0 && !token_is_foreign(lock->token), "a lock has a token");
	require(lock->mode == LOCK_SHARED || lock->holders == 1, "an exclusive lock has one holder");
	require(lock->holder.claim.id && *lock->holder.claim.id, "a lock has an id");
	require(lock->ttl_ms == LEASE_NEVER || (lock->ttl_ms >= LEASE_MIN_MS && lock->ttl_ms <= LEASE_MAX_MS), "a lease is one");
	require(lock->content_size <= LOCK_CONTENT_MAX && !lock->content == !lock->content_size, "content is bounded");
	require(lock->permissions <= LOCK_PERMISSION_BITS, "permissions are bits");
}

static void on_entry(void *ctx, int status, const struct entry *entry)
{
	*(int *)ctx = status;
	if (status == 0 && entry->kind == ENTRY_LOCK)
		check_lock(&entry->lock);
}

/* Reads and removes everything, the last entry first, so that no directory has anything in it. */
static void use(struct memory_backend *memory)
{
	while (memory->tree.by_path) {
		struct mem_entry *last = ELMT_FROM_HH(memory->tree.by_path->hh.tbl, memory->tree.by_path->hh.tbl->tail);
		char path[LOCK_KEY_MAX + 1];
		int status = 1;

		snprintf(path, sizeof(path), "%s", last->path);
		backend_read(&memory->base, path, on_entry, &status);
		require(status == 0 || status == -ENOENT, "what is there can be read, unless its lease is over");
		if (status == -ENOENT)
			continue;
		if (last->kind == ENTRY_LOCK)
			backend_release(&memory->base, path, NULL, match_any(), on_done, &status);
		else
			backend_remove_dir(&memory->base, path, on_done, &status);
		require(status == 0, "what is there can be removed");
	}
	require(memory->lock_count == 0, "all locks were counted");
}

static void check_journal(const uint8_t *image, size_t size, const struct image_place *place)
{
	struct backend_config config = { .source = "memory:", .namespace_ = "n", .on_event = on_event };
	char problem[BACKEND_PROBLEM_MAX];
	struct image_reader reader;
	struct backend *backend;
	uv_loop_t loop;

	if (image_open(&reader, image, size, place) != IMAGE_GOOD)
		return;
	require(uv_loop_init(&loop) == 0, "there is a loop");
	config.loop = &loop;
	require(backend_open(&config, &backend, problem) == 0, "there is memory");
	if (memory_restore(memory_of(backend), &reader) == 0)
		use(memory_of(backend));
	backend_close(backend);
	uv_run(&loop, UV_RUN_DEFAULT);
	require(uv_loop_close(&loop) == 0, "nothing is left");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t packed[IMAGE_MAX];
	struct image_place place;
	uint8_t *image;
	size_t length;

	require(image_place_set(&place, "boot", "mount", "n") == 0, "a place has its texts");
	if (size == 0)
		return 0;
	length = data[0] % 2 == 0 ? size - 1 : pack(data + 1, size - 1, &place, packed);
	image = malloc(length + 1);
	require(image != NULL, "there is memory");
	memcpy(image, length == size - 1 && data[0] % 2 == 0 ? data + 1 : packed, length);
	check_journal(image, length, &place);
	free(image);
	return 0;
}
