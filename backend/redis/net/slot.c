/* The slot of a key as the specification of Redis Cluster defines it: CRC16 of the hash tag, or of the whole key. */
#include "backend/redis/net/slot.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 16384
#define POLYNOMIAL 0x1021 /* CRC16-CCITT, as XMODEM uses it */

int slot_guard_init(struct slot_guard *guard, const char *namespace_)
{
	static const char *const names[SLOT_GUARD_KEYS] = { "e", "none" };

	for (size_t i = 0; i < SLOT_GUARD_KEYS; i++) {
		if (asprintf(&guard->keys[i], "%s#%s", namespace_, names[i]) < 0) {
			guard->keys[i] = NULL;
			return -ENOMEM;
		}
	}
	return 0;
}

void slot_guard_free(struct slot_guard *guard)
{
	for (size_t i = 0; i < SLOT_GUARD_KEYS; i++)
		free(guard->keys[i]);
}

bool slot_has_tag(const char *namespace_)
{
	const char *open = strchr(namespace_, '{');
	const char *close = open ? strchr(open, '}') : NULL;

	return close && close > open + 1;
}

static uint16_t crc16(const char *text, size_t size)
{
	uint16_t crc = 0;

	for (size_t i = 0; i < size; i++) {
		crc = (uint16_t)(crc ^ (unsigned char)text[i] << 8);
		for (int bit = 0; bit < 8; bit++)
			crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ POLYNOMIAL : crc << 1);
	}
	return crc;
}

unsigned int slot_of(const char *key)
{
	const char *tag = strchr(key, '{');
	size_t size = tag ? strcspn(tag + 1, "}") : 0;

	if (tag && size > 0 && tag[size + 1] == '}')
		return crc16(tag + 1, size) % SLOTS;
	return crc16(key, strlen(key)) % SLOTS;
}
