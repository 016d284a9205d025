/* The payloads of a journal's records: numbers of a fixed size, then texts with their NULs, or bytes. */
#include "backend/memory/journal/record.h"

#include <errno.h>
#include <string.h>

#include "backend/util/text_copy.h"

/* Payloads without their texts and bytes. None has padding. */

struct token_payload {
	uint64_t token;
};

struct state_payload {
	uint64_t token;
	int64_t due_ns, ttl_ms, refreshed_ms, modified_ms;
	uint32_t permissions, unused;
};

struct holding_payload {
	struct state_payload state;
	int64_t acquired_ms;
	uint32_t mode, form;
	uint32_t pid, uid, gid, has_identity;
	/* key, id, identity, user, host, mount point id, command */
};

struct content_payload {
	uint64_t token;
	uint32_t size, offset;
	/* bytes */
};

struct link_payload {
	uint64_t token, linked;
};

struct dir_payload {
	int64_t changed_ms, modified_ms, default_ttl_ms;
	uint32_t mode, uid, gid, limit;
	/* path */
};

static const size_t fixed_sizes[RECORD_KINDS] = {
	[RECORD_TOKEN] = sizeof(struct token_payload),
	[RECORD_HOLDING] = sizeof(struct holding_payload),
	[RECORD_STATE] = sizeof(struct state_payload),
	[RECORD_CONTENT] = sizeof(struct content_payload),
	[RECORD_LINK] = sizeof(struct link_payload),
	[RECORD_END] = sizeof(struct token_payload),
	[RECORD_DIR] = sizeof(struct dir_payload),
	[RECORD_DIR_END] = 0,
};

size_t record_size(const struct record *record)
{
	size_t size = fixed_sizes[record->kind];

	switch (record->kind) {
	case RECORD_HOLDING:
		return size + text_size(record->path) + holder_text_size(&record->holder);
	case RECORD_CONTENT:
		return size + record->count;
	case RECORD_DIR:
	case RECORD_DIR_END:
		return size + text_size(record->path);
	default:
		return size;
	}
}

/* Writing */

static struct state_payload state_of(const struct record *record)
{
	return (struct state_payload){
		.token = record->token,
		.due_ns = record->state.due_ns,
		.ttl_ms = record->state.ttl_ms,
		.refreshed_ms = record->state.refreshed_ms,
		.modified_ms = record->state.modified_ms,
		.permissions = record->state.permissions,
	};
}

static void write_holding(const struct record *record, uint8_t *to)
{
	const struct lock_holder *holder = &record->holder;
	struct holding_payload fixed = {
		.state = state_of(record),
		.acquired_ms = record->acquired_ms,
		.mode = record->mode,
		.form = record->form,
		.pid = (uint32_t)holder->pid,
		.uid = holder->uid,
		.gid = holder->gid,
		.has_identity = holder->claim.identity != NULL,
	};
	char *cursor = (char *)to + sizeof(fixed);

	memcpy(to, &fixed, sizeof(fixed));
	copy_text(&cursor, record->path);
	(void)copy_holder(&cursor, holder);
}

static void write_content(const struct record *record, uint8_t *to)
{
	struct content_payload fixed = {
		.token = record->token,
		.size = (uint32_t)record->size,
		.offset = (uint32_t)record->offset,
	};

	memcpy(to, &fixed, sizeof(fixed));
	if (record->count > 0)
		memcpy(to + sizeof(fixed), record->bytes, record->count);
}

static void write_dir(const struct record *record, uint8_t *to)
{
	struct dir_payload fixed = {
		.changed_ms = record->dir.changed_ms,
		.modified_ms = record->dir.modified_ms,
		.default_ttl_ms = record->dir.default_ttl_ms,
		.mode = record->dir.mode,
		.uid = record->dir.uid,
		.gid = record->dir.gid,
		.limit = record->dir.limit,
	};

	memcpy(to, &fixed, sizeof(fixed));
	memcpy(to + sizeof(fixed), record->path, text_size(record->path));
}

void record_write(const struct record *record, uint8_t *to)
{
	struct state_payload state;
	struct link_payload link = { .token = record->token, .linked = record->linked };

	switch (record->kind) {
	case RECORD_HOLDING:
		write_holding(record, to);
		break;
	case RECORD_STATE:
		state = state_of(record);
		memcpy(to, &state, sizeof(state));
		break;
	case RECORD_CONTENT:
		write_content(record, to);
		break;
	case RECORD_LINK:
		memcpy(to, &link, sizeof(link));
		break;
	case RECORD_DIR:
		write_dir(record, to);
		break;
	case RECORD_DIR_END:
		memcpy(to, record->path, text_size(record->path));
		break;
	default:
		memcpy(to, &record->token, sizeof(record->token));
		break;
	}
}

/* Reading */

/* The part of a payload that has not been read yet. */
struct rest {
	const char *at;
	size_t size;
};

/* Reads a text of at most `most` bytes. Returns NULL if there is none. */
static const char *take_text(struct rest *rest, size_t most)
{
	const char *text = rest->at;
	const char *end = rest->size > 0 ? memchr(text, '\0', rest->size) : NULL;

	if (!end || (size_t)(end - text) > most)
		return NULL;
	rest->size -= (size_t)(end - text) + 1;
	rest->at = end + 1;
	return text;
}

/* Does a path consist of names as those of locks? That of the root does not. */
static bool is_path(const char *path)
{
	size_t length;

	if (!path)
		return false;
	do {
		length = strcspn(path, "/");
		if (length == 0 || length > LOCK_NAME_MAX)
			return false;
		path += length + 1;
	} while (path[-1]);
	return true;
}

static bool is_token(uint64_t token)
{
	return token > 0 && !token_is_foreign(token);
}

static bool is_lease(int64_t ttl_ms, int64_t due_ns)
{
	if (ttl_ms == LEASE_NEVER)
		return due_ns == 0;
	return ttl_ms >= LEASE_MIN_MS && ttl_ms <= LEASE_MAX_MS && due_ns > 0;
}

/* May leases be added to this time since the epoch? */
static bool is_time(int64_t ms)
{
	return ms >= 0 && ms < INT64_MAX / 2;
}

static bool take_state(const struct state_payload *fixed, struct record *ret)
{
	ret->token = fixed->token;
	ret->state = (struct record_state){
		.due_ns = fixed->due_ns,
		.ttl_ms = fixed->ttl_ms,
		.refreshed_ms = fixed->refreshed_ms,
		.modified_ms = fixed->modified_ms,
		.permissions = fixed->permissions,
	};
	return is_token(fixed->token) && is_lease(fixed->ttl_ms, fixed->due_ns) && is_time(fixed->refreshed_ms) &&
		fixed->permissions <= LOCK_PERMISSION_BITS && fixed->unused == 0;
}

static bool read_state(const uint8_t *fixed, struct rest *rest, struct record *ret)
{
	struct state_payload state;

	(void)rest;
	memcpy(&state, fixed, sizeof(state));
	return take_state(&state, ret);
}

/* Reads the texts of a holder. Returns false if one is missing. */
static bool take_holder(struct rest *rest, bool has_identity, struct lock_holder *ret)
{
	ret->claim.id = take_text(rest, LOCK_ID_MAX);
	ret->claim.identity = has_identity ? take_text(rest, LOCK_IDENTITY_MAX) : NULL;
	ret->user = take_text(rest, rest->size);
	ret->host = take_text(rest, rest->size);
	ret->mount_point_id = take_text(rest, rest->size);
	ret->command = take_text(rest, rest->size);
	return ret->claim.id && *ret->claim.id && has_identity == (ret->claim.identity && *ret->claim.identity) && ret->user &&
		ret->host && ret->mount_point_id && ret->command;
}

static bool read_holding(const uint8_t *bytes, struct rest *rest, struct record *ret)
{
	struct holding_payload fixed;

	memcpy(&fixed, bytes, sizeof(fixed));
	ret->acquired_ms = fixed.acquired_ms;
	ret->mode = (enum lock_mode)fixed.mode;
	ret->form = (enum lock_form)fixed.form;
	ret->holder = (struct lock_holder){ .pid = (pid_t)fixed.pid, .uid = fixed.uid, .gid = fixed.gid };
	ret->path = take_text(rest, LOCK_KEY_MAX);
	return take_state(&fixed.state, ret) && is_time(fixed.acquired_ms) && fixed.mode <= LOCK_SHARED &&
		fixed.form < FORM_UNKNOWN && fixed.has_identity <= 1 && is_path(ret->path) &&
		take_holder(rest, fixed.has_identity, &ret->holder);
}

static bool read_content(const uint8_t *bytes, struct rest *rest, struct record *ret)
{
	struct content_payload fixed;

	memcpy(&fixed, bytes, sizeof(fixed));
	ret->token = fixed.token;
	ret->size = fixed.size;
	ret->offset = fixed.offset;
	ret->bytes = rest->at;
	ret->count = rest->size;
	rest->size = 0;
	return is_token(fixed.token) && ret->size <= LOCK_CONTENT_MAX && ret->offset <= ret->size &&
		ret->count <= ret->size - ret->offset;
}

static bool read_link(const uint8_t *bytes, struct rest *rest, struct record *ret)
{
	struct link_payload fixed;

	(void)rest;
	memcpy(&fixed, bytes, sizeof(fixed));
	ret->token = fixed.token;
	ret->linked = fixed.linked;
	return is_token(fixed.token) && (fixed.linked == 0 || is_token(fixed.linked)) && fixed.linked != fixed.token;
}

static bool read_token(const uint8_t *bytes, struct rest *rest, struct record *ret)
{
	(void)rest;
	memcpy(&ret->token, bytes, sizeof(ret->token));
	return !token_is_foreign(ret->token);
}

static bool read_dir(const uint8_t *bytes, struct rest *rest, struct record *ret)
{
	struct dir_payload fixed;

	memcpy(&fixed, bytes, sizeof(fixed));
	ret->dir = (struct dir_info){
		.mode = fixed.mode,
		.uid = fixed.uid,
		.gid = fixed.gid,
		.changed_ms = fixed.changed_ms,
		.modified_ms = fixed.modified_ms,
		.default_ttl_ms = fixed.default_ttl_ms,
		.limit = fixed.limit,
	};
	ret->path = take_text(rest, LOCK_KEY_MAX);
	return ret->path && (!*ret->path || is_path(ret->path)) && fixed.mode <= 07777 && fixed.limit <= DIR_LIMIT_MAX &&
		fixed.default_ttl_ms >= LEASE_NEVER && fixed.default_ttl_ms <= LEASE_MAX_MS;
}

static bool read_dir_end(const uint8_t *bytes, struct rest *rest, struct record *ret)
{
	(void)bytes;
	ret->path = take_text(rest, LOCK_KEY_MAX);
	return is_path(ret->path);
}

static bool (*const readers[RECORD_KINDS])(const uint8_t *fixed, struct rest *rest, struct record *ret) = {
	[RECORD_TOKEN] = read_token,
	[RECORD_HOLDING] = read_holding,
	[RECORD_STATE] = read_state,
	[RECORD_CONTENT] = read_content,
	[RECORD_LINK] = read_link,
	[RECORD_END] = read_token,
	[RECORD_DIR] = read_dir,
	[RECORD_DIR_END] = read_dir_end,
};

int record_read(uint32_t kind, const uint8_t *payload, size_t size, struct record *ret)
{
	struct rest rest;

	if (kind < RECORD_TOKEN || kind >= RECORD_KINDS || size < fixed_sizes[kind])
		return -EBADMSG;
	*ret = (struct record){ .kind = (enum record_kind)kind };
	rest = (struct rest){ .at = (const char *)payload + fixed_sizes[kind], .size = size - fixed_sizes[kind] };
	return readers[kind](payload, &rest, ret) && rest.size == 0 ? 0 : -EBADMSG;
}
