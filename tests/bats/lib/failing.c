/*
 * A library that is preloaded into lockfs and lets one call fail, for failing.bats.
 *
 *   FAIL=memory|calls  the kind of calls: allocations, or system calls that start-up needs
 *   FAIL_AT=N          the Nth call of this kind fails, counted from 1 in each process
 *   FAIL_TOLD=FILE     file to which the name of the failed call is written, or nothing if there were
 *                      fewer calls; and at the end of the program the number of unfreed allocations
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void __libc_free(void *old);

static const char *wanted; /* NULL: nothing fails */
static const char *file;
static long at;
static long counted;
static long living;
static bool loading; /* dlsym(3) allocates */

__attribute__((constructor)) static void begin(void)
{
	const char *number = getenv("FAIL_AT");

	file = getenv("FAIL_TOLD");
	if (!number || !file || !getenv("FAIL"))
		return;
	at = strtol(number, NULL, 10);
	wanted = getenv("FAIL");
}

/* Opens the file each time, because the program closes all inherited descriptors. Uses the system call, which never fails here. */
static void tell(const char *text)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
}

__attribute__((destructor)) static void tell_living(void)
{
	char text[64];

	if (!wanted)
		return;
	snprintf(text, sizeof(text), "%ld living\n", living);
	tell(text);
}

/* The name of the library that calls, such as `libuv.so.1`. */
static const char *caller(void *address)
{
	Dl_info info;
	const char *slash;

	if (!dladdr(address, &info) || !info.dli_fname)
		return "?";
	slash = strrchr(info.dli_fname, '/');
	return slash ? slash + 1 : info.dli_fname;
}

static bool fails(const char *kind, const char *name, void *address)
{
	char text[256];

	if (!wanted || loading || strcmp(kind, wanted) != 0 || __atomic_add_fetch(&counted, 1, __ATOMIC_RELAXED) != at)
		return false;
	loading = true;
	snprintf(text, sizeof(text), "%s@%s\n", name, caller(address));
	tell(text);
	loading = false;
	return true;
}

static void *count_living(void *made)
{
	if (made)
		__atomic_add_fetch(&living, 1, __ATOMIC_RELAXED);
	else
		errno = ENOMEM;
	return made;
}

void *malloc(size_t size)
{
	return count_living(fails("memory", "malloc", __builtin_return_address(0)) ? NULL : __libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
	return count_living(fails("memory", "calloc", __builtin_return_address(0)) ? NULL : __libc_calloc(count, size));
}

void free(void *old)
{
	if (old)
		__atomic_sub_fetch(&living, 1, __ATOMIC_RELAXED);
	__libc_free(old);
}

void *realloc(void *old, size_t size)
{
	void *made;

	if (fails("memory", "realloc", __builtin_return_address(0))) {
		errno = ENOMEM;
		return NULL;
	}
	made = __libc_realloc(old, size);
	return old ? made : count_living(made);
}

static void *real(const char *name)
{
	void *function;

	loading = true;
	function = dlsym(RTLD_NEXT, name);
	loading = false;
	return function;
}

/* Defines a function of the C library that fails with `error` and returns `failed` if its turn has come, else calls the real one. */
#define FAILING(type, name, failed, error, parameters, arguments) \
	type name parameters; \
	type name parameters \
	{ \
		static type(*next) parameters; \
		if (fails("calls", #name, __builtin_return_address(0))) { \
			errno = error; \
			return failed; \
		} \
		if (!next) \
			next = (type(*) parameters)real(#name); \
		return next arguments; \
	}

FAILING(int, socket, -1, EMFILE, (int domain, int type, int protocol), (domain, type, protocol))
FAILING(int, connect, -1, ECONNREFUSED, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length))
FAILING(int, pipe2, -1, EMFILE, (int ends[2], int flags), (ends, flags))
FAILING(int, socketpair, -1, EMFILE, (int domain, int type, int protocol, int ends[2]), (domain, type, protocol, ends))
FAILING(pid_t, fork, -1, EAGAIN, (void), ())
FAILING(int, epoll_create1, -1, EMFILE, (int flags), (flags))
FAILING(int, epoll_ctl, -1, ENOSPC, (int fd, int operation, int of, struct epoll_event *event), (fd, operation, of, event))
FAILING(int, eventfd, -1, EMFILE, (unsigned int value, int flags), (value, flags))
FAILING(int, pthread_create, EAGAIN, EAGAIN,
        (pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument),
        (thread, attributes, start, argument))
FAILING(int, mount, -1, EPERM,
        (const char *source, const char *target, const char *type, unsigned long flags, const void *data),
        (source, target, type, flags, data))
FAILING(int, fsopen, -1, ENFILE, (const char *type, unsigned int flags), (type, flags))
FAILING(int, fsconfig, -1, EINVAL,
        (int context, unsigned int command, const char *name, const void *value, int number),
        (context, command, name, value, number))
FAILING(int, fsmount, -1, EMFILE, (int context, unsigned int flags, unsigned int attributes), (context, flags, attributes))
FAILING(int, move_mount, -1, ENOSPC,
        (int from, const char *from_path, int to, const char *to_path, unsigned int flags),
        (from, from_path, to, to_path, flags))
FAILING(int, fallocate64, -1, ENOSPC, (int fd, int mode, off64_t offset, off64_t length), (fd, mode, offset, length))
FAILING(int, flock, -1, ENOLCK, (int fd, int operation), (fd, operation))
FAILING(int, renameat, -1, EIO, (int from_dir, const char *from, int to_dir, const char *to), (from_dir, from, to_dir, to))
FAILING(int, close_range, -1, ENOSYS, (unsigned int from, unsigned int to, int flags), (from, to, flags))
FAILING(int, sigaction, -1, EINVAL, (int signal, const struct sigaction *action, struct sigaction *old), (signal, action, old))
FAILING(int, chdir, -1, EACCES, (const char *path), (path))
FAILING(int, dup2, -1, EBUSY, (int from, int to), (from, to))
FAILING(char *, realpath, NULL, ENOMEM, (const char *path, char *resolved), (path, resolved))
FAILING(int, access, -1, EACCES, (const char *path, int mode), (path, mode))
FAILING(ssize_t, getrandom, -1, EAGAIN, (void *bytes, size_t size, unsigned int flags), (bytes, size, flags))
FAILING(int, timerfd_create, -1, EMFILE, (int clock, int flags), (clock, flags))
FAILING(FILE *, fopen64, NULL, EMFILE, (const char *path, const char *mode), (path, mode))
FAILING(DIR *, opendir, NULL, EMFILE, (const char *path), (path))
FAILING(int, umount2, -1, EBUSY, (const char *path, int flags), (path, flags))
FAILING(int, stat64, -1, EIO, (const char *path, struct stat64 *attributes), (path, attributes))
FAILING(int, gethostname, -1, EFAULT, (char *name, size_t size), (name, size))

/* Functions with an optional argument. */

static long optional(va_list arguments)
{
	return va_arg(arguments, long);
}

#define FAILING_OPTIONAL(name, error, parameter, argument) \
	int name(parameter, int what, ...); \
	int name(parameter, int what, ...) \
	{ \
		static int (*next)(parameter, int what, ...); \
		va_list arguments; \
		long more; \
		if (fails("calls", #name, __builtin_return_address(0))) { \
			errno = error; \
			return -1; \
		} \
		if (!next) \
			next = (int (*)(parameter, int what, ...))real(#name); \
		va_start(arguments, what); \
		more = optional(arguments); \
		va_end(arguments); \
		return next(argument, what, more); \
	}

FAILING_OPTIONAL(open64, EMFILE, const char *path, path)
FAILING_OPTIONAL(fcntl64, EINVAL, int fd, fd)
