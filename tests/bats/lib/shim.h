/* What C that `shimmed` (helper.bash) preloads into lockfs has at hand. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* The function that the shim's function of this name hides. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Creates the file `here`, and waits until there is the file `go`. */
static inline void wait_here(const char *here, const char *go)
{
	close(creat(here, 0600));
	while (access(go, F_OK) < 0)
		usleep(1000);
}

/* A move_mount(2) that refuses to mount beneath another mount, as before Linux 6.5. */
#define MOVE_MOUNT_NEVER_BENEATH \
	int move_mount(int from, const char *from_path, int to, const char *to_path, unsigned int flags) \
	{ \
		if (!(flags & 0x200)) \
			return NEXT(move_mount)(from, from_path, to, to_path, flags); \
		errno = EINVAL; \
		return -1; \
	}
