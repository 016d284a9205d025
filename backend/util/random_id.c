/*
 * Reads random bytes from the kernel in blocks, and hands out parts of a block: most acquisitions then cost no system call for
 * their ids. No byte is handed out twice, also not by a forked process.
 */
#include "backend/util/random_id.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#define BLOCK_SIZE 256 /* bytes; getrandom(2) returns up to 256 bytes whole, also if a signal arrives */

static unsigned char block[BLOCK_SIZE];
static size_t unused; /* bytes at the start of the block */

/* Runs in the child after fork(2), which would otherwise hand out the same bytes as its parent. */
static void drop_block(void)
{
	explicit_bzero(block, sizeof(block));
	unused = 0;
}

static int read_block(void)
{
	static bool is_fork_safe;

	if (!is_fork_safe && pthread_atfork(NULL, NULL, drop_block) != 0)
		return -EIO;
	is_fork_safe = true;
	unused = 0;
	if (getrandom(block, sizeof(block), GRND_NONBLOCK) != sizeof(block))
		return -EIO;
	unused = sizeof(block);
	return 0;
}

int random_bytes(void *bytes, size_t size)
{
	if (size > unused) {
		int err = size > sizeof(block) ? -EIO : read_block();

		if (err < 0)
			return err;
	}
	unused -= size;
	memcpy(bytes, block + unused, size);
	explicit_bzero(block + unused, size);
	return 0;
}

int random_id(char id[RANDOM_ID_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[(RANDOM_ID_SIZE - 1) / 2];
	int err = random_bytes(bytes, sizeof(bytes));

	if (err < 0)
		return err;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		*id++ = digits[bytes[i] >> 4];
		*id++ = digits[bytes[i] & 0xf];
	}
	*id = '\0';
	return 0;
}
