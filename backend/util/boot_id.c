/* Reads the id of this boot from /proc. */
#include "backend/util/boot_id.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int boot_id_read(char id[BOOT_ID_SIZE])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, id, BOOT_ID_SIZE - 1);
	int err = length < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	id[length < 0 ? 0 : length] = '\0';
	id[strcspn(id, "\n")] = '\0';
	return err;
}
