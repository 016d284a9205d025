/*
 * What the records of a journal say: each a change of one holding, lock or directory. record.c turns them into bytes and back; it
 * accepts no value that lockfs would not write.
 */
#ifndef BACKEND_MEMORY_JOURNAL_RECORD_H
#define BACKEND_MEMORY_JOURNAL_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "lockfs/backend.h"
#include "lockfs/lock.h"

enum record_kind {
	RECORD_TOKEN = 1,   /* no token up to this one is given again */
	RECORD_HOLDING,     /* a holding begins, and with the first one its lock */
	RECORD_STATE,       /* what of a holding changes while it lasts */
	RECORD_CONTENT,     /* content of the lock of a holding */
	RECORD_LINK,        /* two holdings are linked, or one is no longer */
	RECORD_END,         /* a holding ends, and with the last one its lock */
	RECORD_DIR,         /* a directory is made, or its settings change */
	RECORD_DIR_END,     /* a directory is removed */
	RECORD_KINDS,       /* one more than the largest kind */
};

/* What of a holding changes while it lasts. Times are as in struct mem_holding. */
struct record_state {
	int64_t due_ns; /* end of the lease on CLOCK_BOOTTIME; 0 if it never ends */
	int64_t ttl_ms;
	int64_t refreshed_ms;
	int64_t modified_ms;
	uint32_t permissions;
};

/* A record. Which members are set depends on the kind. Texts and bytes belong to somebody else. */
struct record {
	enum record_kind kind;
	uint64_t token;       /* TOKEN, HOLDING, STATE, CONTENT, LINK, END */
	uint64_t linked;      /* LINK: the token of the other holding; 0: none */
	const char *path;     /* HOLDING, DIR, DIR_END */
	struct record_state state; /* HOLDING, STATE */
	int64_t acquired_ms;  /* HOLDING */
	enum lock_mode mode;  /* HOLDING */
	enum lock_form form;  /* HOLDING */
	struct lock_holder holder; /* HOLDING */
	size_t size;          /* CONTENT: bytes of the whole content from now on */
	size_t offset;        /* CONTENT: of the bytes that change */
	const void *bytes;    /* CONTENT */
	size_t count;         /* CONTENT: number of the bytes */
	struct dir_info dir;  /* DIR */
};

/* Bytes of the payload of a record. */
size_t record_size(const struct record *record);

/* Writes the payload of a record: record_size() bytes. */
void record_write(const struct record *record, uint8_t *to);

/* Reads a payload of `size` bytes, to which texts of *ret point. Returns 0, or -EBADMSG if lockfs would not have written it. */
int record_read(uint32_t kind, const uint8_t *payload, size_t size, struct record *ret);

#endif
