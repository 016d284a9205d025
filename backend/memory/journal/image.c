/* The bytes of a journal: header, records, and the word that says where they end. */
#include "backend/memory/journal/image.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "backend/util/siphash.h"

#define VERSION 1

static const char magic[8] = "lockfsJ";

/* Against mistakes and accidents, not against people: nobody else may write the file. */
static const struct siphash_key checksum_key = { .low = UINT64_C(0x6c616e72756f6a20), .high = UINT64_C(0x73666b636f6c2066) };

static int set_text(char *to, size_t capacity, const char *text)
{
	if (strlen(text) >= capacity)
		return -ENAMETOOLONG;
	stpcpy(to, text);
	return 0;
}

int image_place_set(struct image_place *place, const char *boot_id, const char *mount_point_id, const char *namespace_)
{
	int err;

	memset(place, 0, sizeof(*place));
	err = set_text(place->boot_id, sizeof(place->boot_id), boot_id);
	if (err == 0)
		err = set_text(place->mount_point_id, sizeof(place->mount_point_id), mount_point_id);
	return err < 0 ? err : set_text(place->namespace_, sizeof(place->namespace_), namespace_);
}

static uint64_t header_checksum(const struct image_header *header)
{
	return siphash_64(checksum_key, header, offsetof(struct image_header, checksum));
}

void image_header_init(struct image_header *header, const struct image_place *place)
{
	memset(header, 0, sizeof(*header));
	memcpy(header->magic, magic, sizeof(magic));
	header->version = VERSION;
	header->size = sizeof(*header);
	header->place = *place;
	header->checksum = header_checksum(header);
	header->end = image_end_word(sizeof(*header));
}

/* The lower 24 bits are a hash of the upper 40. */
uint64_t image_end_word(uint64_t end)
{
	return end << 24 | (end * UINT64_C(0x9e3779b97f4a7c15)) >> 40;
}

/* Covers the place, the frame, the payload, and the zeros behind it. */
static uint64_t record_checksum(const uint8_t *record, const struct image_frame *frame, uint64_t offset)
{
	uint64_t head = (uint64_t)frame->kind << 32 | frame->size;
	struct siphash_key key = { .low = checksum_key.low ^ offset, .high = checksum_key.high ^ head };

	return siphash_64(key, record + sizeof(*frame), image_record_size(frame->size) - sizeof(*frame));
}

void image_seal(void *record, uint64_t offset, uint32_t kind, size_t payload)
{
	uint8_t *bytes = record;
	struct image_frame frame = { .size = (uint32_t)payload, .kind = kind };
	size_t used = sizeof(frame) + payload;

	memset(bytes + used, 0, image_record_size(payload) - used);
	frame.checksum = record_checksum(bytes, &frame, offset);
	memcpy(bytes, &frame, sizeof(frame));
}

static bool is_same_place(const struct image_place *one, const struct image_place *other)
{
	return memcmp(one->mount_point_id, other->mount_point_id, sizeof(one->mount_point_id)) == 0 &&
		memcmp(one->namespace_, other->namespace_, sizeof(one->namespace_)) == 0;
}

static enum image_verdict judge_header(const struct image_header *header, size_t size, const struct image_place *place)
{
	uint64_t end = header->end >> 24;

	if (header->version != VERSION)
		return IMAGE_OTHER_VERSION;
	if (header->size != sizeof(*header) || header->checksum != header_checksum(header))
		return IMAGE_DAMAGED;
	if (!is_same_place(&header->place, place))
		return IMAGE_OTHER_PLACE;
	if (memcmp(header->place.boot_id, place->boot_id, sizeof(place->boot_id)) != 0)
		return IMAGE_OTHER_BOOT;
	if (header->end != image_end_word(end) || end < sizeof(*header) || end > size || end % 8 != 0)
		return IMAGE_DAMAGED;
	return IMAGE_GOOD;
}

enum image_verdict image_open(struct image_reader *reader, const uint8_t *bytes, size_t size, const struct image_place *place)
{
	struct image_header header;
	enum image_verdict verdict;

	*reader = (struct image_reader){ .bytes = bytes };
	if (size < sizeof(magic) || memcmp(bytes, magic, sizeof(magic)) != 0)
		return IMAGE_NONE;
	if (size < sizeof(header))
		return IMAGE_DAMAGED;
	memcpy(&header, bytes, sizeof(header));
	verdict = judge_header(&header, size, place);
	if (verdict == IMAGE_GOOD) {
		reader->at = sizeof(header);
		reader->end = header.end >> 24;
	}
	return verdict;
}

int image_next(struct image_reader *reader, struct image_record *ret)
{
	const uint8_t *record = reader->bytes + reader->at;
	uint64_t left = reader->end - reader->at;
	struct image_frame frame;

	if (left == 0)
		return 0;
	if (left < sizeof(frame))
		return -EBADMSG;
	memcpy(&frame, record, sizeof(frame));
	if (frame.size > IMAGE_PAYLOAD_MAX || image_record_size(frame.size) > left)
		return -EBADMSG;
	*ret = (struct image_record){ .kind = frame.kind, .payload = record + sizeof(frame), .size = frame.size };
	if (frame.checksum != record_checksum(record, &frame, reader->at))
		return -EBADMSG;
	reader->at += image_record_size(frame.size);
	return 1;
}
