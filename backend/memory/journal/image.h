/*
 * The bytes of a journal: a header, and behind it records, one after another. image.c writes and reads them in memory, and knows no
 * file.
 *
 *     header   magic, version; boot, mount point and namespace that the locks belong to; checksum; end
 *     record   bytes of its payload, kind, checksum, payload, zeros up to a multiple of 8 bytes
 *
 * `end` says how far the records count. It is one word that is stored after the records, so that a process which is killed at any
 * instant leaves all of a step or nothing of it: what stands behind `end` was answered to nobody. Each record before `end`
 * must have its checksum, which depends on its place, so that a journal with a damaged byte is refused as a whole.
 *
 * Numbers are written as this machine has them: no journal outlives a boot.
 */
#ifndef BACKEND_MEMORY_JOURNAL_IMAGE_H
#define BACKEND_MEMORY_JOURNAL_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define IMAGE_TEXT_MAX 64       /* bytes of a boot id or mount point id, the NUL included */
#define IMAGE_NAMESPACE_MAX 256 /* bytes of a namespace, the NUL included */
#define IMAGE_PAYLOAD_MAX 16384 /* bytes of the longest payload of a record */
#define IMAGE_END_MAX (UINT64_C(1) << 40) /* a journal has fewer bytes */

/* Where the locks of a journal belong. Unused bytes are zero. */
struct image_place {
	char boot_id[IMAGE_TEXT_MAX];
	char mount_point_id[IMAGE_TEXT_MAX];
	char namespace_[IMAGE_NAMESPACE_MAX];
};

struct image_header {
	char magic[8];
	uint32_t version;
	uint32_t size; /* of this header */
	struct image_place place;
	uint64_t checksum; /* of all before */
	uint64_t end;      /* image_end_word() of the end of the last record that counts */
};

struct image_frame {
	uint32_t size; /* of the payload */
	uint32_t kind;
	uint64_t checksum;
};

/* Bytes that a record takes. */
static inline size_t image_record_size(size_t payload)
{
	return sizeof(struct image_frame) + ((payload + 7) & ~(size_t)7);
}

/* Fills in the place. Returns 0, or -ENAMETOOLONG. */
int image_place_set(struct image_place *place, const char *boot_id, const char *mount_point_id, const char *namespace_);

/* Makes the header of a journal without records. */
void image_header_init(struct image_header *header, const struct image_place *place);

/* The word that says where the records end. It has a checksum of its own. */
uint64_t image_end_word(uint64_t end);

/* Completes a record at `record`, whose payload is behind the frame already, and which is `offset` bytes behind the start. */
void image_seal(void *record, uint64_t offset, uint32_t kind, size_t payload);

enum image_verdict {
	IMAGE_GOOD,
	IMAGE_NONE,          /* it does not begin as a journal */
	IMAGE_OTHER_VERSION, /* another version of lockfs wrote it */
	IMAGE_OTHER_PLACE,   /* of another mount point or namespace */
	IMAGE_OTHER_BOOT,    /* of this place, before the machine was started: its leases are over */
	IMAGE_DAMAGED,
};

/* A journal that is read. */
struct image_reader {
	const uint8_t *bytes;
	uint64_t end; /* of the records */
	uint64_t at;  /* of the next record */
};

struct image_record {
	uint32_t kind;
	const uint8_t *payload; /* aligned to 8 bytes behind `bytes` */
	size_t size;
};

/* Checks the header of a journal of `size` bytes. Begins to read it if it is good. */
enum image_verdict image_open(struct image_reader *reader, const uint8_t *bytes, size_t size, const struct image_place *place);

/* Reads the next record. Returns 1; 0 if there is none; or -EBADMSG if the journal is damaged, at `reader->at`. */
int image_next(struct image_reader *reader, struct image_record *ret);

#endif
