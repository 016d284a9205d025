/* Reads the kernel's limit from /proc/sys/fs/fuse, and subtracts a margin for the reply. */
#include "fs/kernel/request_timeout.h"

#include <limits.h>
#include <stdio.h>

#include "backend/util/text/number.h"

#define MARGIN_MS 1000 /* before the kernel's limit; of a limit that is not longer than this, half is used */

/* Returns the limit in seconds; 0 if the kernel has no such limit. */
static int64_t read_limit(const char *path)
{
	FILE *file = fopen(path, "re");
	char text[32];
	uint64_t seconds = 0;

	if (!file)
		return 0;
	if (fgets(text, sizeof(text), file))
		(void)number_read(text, 10, INT_MAX, &seconds); /* stays 0 if it is no number */
	fclose(file);
	return (int64_t)seconds;
}

int64_t request_timeout_ms(void)
{
	int64_t most = read_limit("/proc/sys/fs/fuse/max_request_timeout");
	int64_t usual = read_limit("/proc/sys/fs/fuse/default_request_timeout");
	int64_t seconds = usual && (!most || usual < most) ? usual : most;

	return seconds * 1000 > MARGIN_MS ? seconds * 1000 - MARGIN_MS : seconds * 1000 / 2;
}
