/* The file of a journal: names, locks, room and mapped memory. */
#include "backend/memory/journal/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW_SIZE (128 * 1024) /* bytes; more than a page and the longest record */
#define TRIES 8 /* names that other processes change while they are looked at */

_Static_assert(WINDOW_SIZE >= 64 * 1024 + IMAGE_PAYLOAD_MAX + (int)sizeof(struct image_frame),
	"a record fits behind the start of its page");

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Memory */

static uint8_t *reserve_addresses(size_t size)
{
	void *start = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return start == MAP_FAILED ? NULL : start;
}

int journal_window_reserve(struct journal_window *window)
{
	window->header = reserve_addresses(page_size());
	window->bytes = reserve_addresses(WINDOW_SIZE);
	if (window->header && window->bytes)
		return 0;
	journal_window_free(window);
	return -ENOMEM;
}

void journal_window_free(struct journal_window *window)
{
	if (window->header)
		munmap(window->header, page_size());
	if (window->bytes)
		munmap(window->bytes, WINDOW_SIZE);
	*window = (struct journal_window){ NULL, NULL };
}

/* Shows a part of the file at these addresses. A child process does not get it: it would keep a removed file in use. */
static int map_at(uint8_t *addresses, size_t size, int fd, uint64_t offset)
{
	if (mmap(addresses, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)offset) == MAP_FAILED)
		return -errno;
	return madvise(addresses, size, MADV_DONTFORK) < 0 ? -errno : 0;
}

/* Shows nothing at these addresses, which stay reserved. */
static void unmap_at(uint8_t *addresses, size_t size)
{
	(void)!mmap(addresses, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

static void unmap(const struct journal_window *window)
{
	unmap_at(window->header, page_size());
	unmap_at(window->bytes, WINDOW_SIZE);
}

/* Moves the window to where the next record begins, after allocating room for all that it shows. */
static int move_window(struct journal_file *file)
{
	uint64_t at = file->end - file->end % page_size();
	int err;

	if (at + WINDOW_SIZE > IMAGE_END_MAX)
		return -EFBIG;
	if (fallocate(file->fd, 0, (off_t)at, WINDOW_SIZE) < 0)
		return -errno;
	err = map_at(file->window->bytes, WINDOW_SIZE, file->fd, at);
	if (err == 0)
		file->window_at = at;
	return err;
}

uint8_t *journal_file_reserve(struct journal_file *file, size_t size)
{
	int err = 0;

	if (file->end + image_record_size(size) > file->window_at + WINDOW_SIZE)
		err = size > IMAGE_PAYLOAD_MAX ? -EMSGSIZE : move_window(file);
	if (err < 0) {
		errno = -err;
		return NULL;
	}
	return file->window->bytes + (file->end - file->window_at) + sizeof(struct image_frame);
}

void journal_file_append(struct journal_file *file, uint32_t kind, size_t size)
{
	image_seal(file->window->bytes + (file->end - file->window_at), file->end, kind, size);
	file->end += image_record_size(size);
}

void journal_file_commit(struct journal_file *file)
{
	struct image_header *header = (struct image_header *)file->window->header;

	/* The records before it must be in memory first: the process may be killed between any two instructions. */
	__atomic_store_n(&header->end, image_end_word(file->end), __ATOMIC_RELEASE);
}

int journal_file_resume(struct journal_file *file, int fd, struct journal_window *window, uint64_t end)
{
	int err;

	*file = (struct journal_file){ .fd = fd, .window = window, .end = end };
	err = map_at(window->header, page_size(), fd, 0);
	if (err == 0)
		err = move_window(file);
	if (err < 0) {
		unmap(window);
		file->fd = -1;
	}
	return err;
}

/* Names */

int journal_dir_open(struct journal_dir *dir, const char *path, bool makes)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];
	int length = slash == path ? 1 : (int)(slash - path);

	if (snprintf(parent, sizeof(parent), "%.*s", length, path) >= (int)sizeof(parent))
		return -ENAMETOOLONG;
	if (makes && mkdir(parent, 0700) < 0 && errno != EEXIST)
		return -errno;
	dir->name = slash + 1;
	dir->fd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return dir->fd < 0 ? -errno : 0;
}

void journal_dir_close(struct journal_dir *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	dir->fd = -1;
}

static int new_name(const struct journal_dir *dir, char name[NAME_MAX + 1])
{
	return snprintf(name, NAME_MAX + 1, "%s.new", dir->name) > NAME_MAX ? -ENAMETOOLONG : 0;
}

/* Is this the file that has the name? */
static bool has_name(const struct journal_dir *dir, const char *name, int fd)
{
	struct stat named, open_file;

	return fstatat(dir->fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &open_file) == 0 &&
		named.st_dev == open_file.st_dev && named.st_ino == open_file.st_ino;
}

/* Is it a file of this user that nobody else can read or write? Its ids prove holdings. */
static bool is_private(int fd)
{
	struct stat file;

	return fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && file.st_uid == geteuid() && (file.st_mode & 077) == 0;
}

/* Opens and locks a file. Returns a descriptor; -EAGAIN if another file has the name by now; or as journal_file_lock(). */
static int open_locked(const struct journal_dir *dir, const char *name, int flags)
{
	/* A FIFO in its place must not keep the daemon from starting. */
	int fd = openat(dir->fd, name, flags | O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (!is_private(fd))
		err = -EPERM;
	else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
	else if (!has_name(dir, name, fd))
		err = -EAGAIN;
	if (err < 0)
		close(fd);
	return err < 0 ? err : fd;
}

int journal_file_lock(const struct journal_dir *dir)
{
	int fd = -EAGAIN;

	for (int i = 0; fd == -EAGAIN && i < TRIES; i++)
		fd = open_locked(dir, dir->name, 0);
	return fd == -EAGAIN ? -EBUSY : fd;
}

/* Removes a new file that a process left which has ended. Returns 0 if the name may be free now. */
static int remove_stale(const struct journal_dir *dir, const char *name)
{
	int fd = open_locked(dir, name, 0);

	if (fd < 0)
		return fd == -ENOENT || fd == -EAGAIN ? 0 : fd;
	unlinkat(dir->fd, name, 0);
	close(fd);
	return 0;
}

/* Makes a new file that nobody else has. Returns its descriptor or a negative errno. */
static int make_new(const struct journal_dir *dir, const char *name)
{
	int fd = -EAGAIN;

	for (int i = 0; i < TRIES && (fd == -EAGAIN || fd == -EEXIST); i++) {
		int err = fd == -EEXIST ? remove_stale(dir, name) : 0;

		fd = err < 0 ? err : open_locked(dir, name, O_CREAT | O_EXCL);
	}
	return fd == -EAGAIN || fd == -EEXIST ? -EBUSY : fd;
}

int journal_file_create(struct journal_file *file, const struct journal_dir *dir, struct journal_window *window,
                        const struct image_place *place)
{
	char name[NAME_MAX + 1];
	int err = new_name(dir, name);
	int fd = err < 0 ? err : make_new(dir, name);

	file->fd = -1;
	if (fd < 0)
		return fd;
	/* The header is mapped first, and needs room too. */
	if (fallocate(fd, 0, 0, WINDOW_SIZE) < 0)
		err = -errno;
	if (err == 0)
		err = journal_file_resume(file, fd, window, sizeof(struct image_header));
	if (err < 0) {
		unlinkat(dir->fd, name, 0);
		close(fd);
		return err;
	}
	image_header_init((struct image_header *)window->header, place);
	return 0;
}

int journal_file_publish(const struct journal_file *file, const struct journal_dir *dir)
{
	char name[NAME_MAX + 1];
	int err = new_name(dir, name);

	if (err == 0 && !has_name(dir, name, file->fd))
		err = -ENOENT;
	if (err == 0 && renameat(dir->fd, name, dir->fd, dir->name) < 0)
		err = -errno;
	return err;
}

static void remove_name(const struct journal_dir *dir, const char *name, int fd)
{
	if (has_name(dir, name, fd))
		unlinkat(dir->fd, name, 0);
}

void journal_file_discard(struct journal_file *file, const struct journal_dir *dir)
{
	char name[NAME_MAX + 1];

	if (file->fd >= 0 && new_name(dir, name) == 0)
		remove_name(dir, name, file->fd);
	journal_file_close(file);
}

void journal_file_close(struct journal_file *file)
{
	if (file->fd < 0)
		return;
	unmap(file->window);
	close(file->fd);
	file->fd = -1;
}

void journal_file_remove(struct journal_file *file, const struct journal_dir *dir)
{
	if (file->fd >= 0)
		remove_name(dir, dir->name, file->fd);
	journal_file_close(file);
}
