/*
 * Does everything at once by which one user could slow down a lock directory or fill its daemon:
 *
 *   hostile DIRECTORY LISTED SECONDS [WAY...]
 *
 * DIRECTORY is the root of a mount, LISTED a large directory in it. Each
 * WAY (default: all of them) runs in a process of its own until the time is over. Prints a
 * line for each:
 *
 *   NAME DONE REFUSED
 *
 * which are the numbers of calls that succeeded and that failed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define SECONDS_MAX 86400
#define POLLERS     300
#define WRITERS     8
#define LEASES      1000
#define FILES_MAX   20000 /* most files that one process tries to have open */
#define WRITE_SIZE  4096  /* the most content that a lock may have */

/* One call in this many is larger than allowed, and must be refused. */
#define OVERSIZE_EVERY 16

/* The calls that a process has made, in memory that it shares with its parent. */
struct tally {
	_Atomic unsigned long done;
	_Atomic unsigned long refused;
};

struct way {
	const char *name;
	void (*act)(void); /* never returns */
};

static int mount_fd;
static const char *listed;
static struct tally *tally; /* of this process */

static bool count(bool done)
{
	if (done)
		tally->done++;
	else
		tally->refused++;
	return done;
}

static void give_up(const char *what)
{
	fprintf(stderr, "hostile: %s: %s\n", what, strerror(errno));
	_exit(EXIT_FAILURE);
}

/* The daemon has to remember each name of a view. */
static void look_up_views(void)
{
	struct stat attr;
	char name[64];

	for (unsigned long i = 0;; i++) {
		snprintf(name, sizeof(name), ".with/id=v%lu", i);
		count(fstatat(mount_fd, name, &attr, 0) == 0);
	}
}

static void start_threads(unsigned int threads, void *(*act)(void *))
{
	for (unsigned int i = 0; i < threads; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, act, NULL) != 0)
			give_up("a thread");
	}
	pause();
}

static void *poll_for_lock(void *ctx)
{
	(void)ctx;
	for (;;) {
		int fd = openat(mount_fd, ".with/attempts=10,interval=1ms/held", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

		if (count(fd >= 0))
			close(fd);
	}
	return NULL;
}

static void poll_for_locks(void)
{
	start_threads(POLLERS, poll_for_lock);
}

static void list_large_directory(void)
{
	for (;;) {
		int fd = openat(mount_fd, listed, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

		if (!count(dir))
			continue;
		while (readdir(dir))
			tally->done++;
		closedir(dir);
	}
}

/* Locks that the daemon has to renew all the time; a lost lock is acquired again. */
static void keep_short_leases(void)
{
	static int fds[LEASES];
	char name[64], byte;

	memset(fds, -1, sizeof(fds));
	for (;; sleep_ms(1000)) {
		for (int i = 0; i < LEASES; i++) {
			if (fds[i] >= 0 && count(pread(fds[i], &byte, 1, 0) >= 0))
				continue;
			if (fds[i] >= 0)
				close(fds[i]);
			snprintf(name, sizeof(name), ".with/hold,ttl=50ms/lease%d", i);
			fds[i] = openat(mount_fd, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
			count(fds[i] >= 0);
		}
	}
}

static void *write_content(void *ctx)
{
	static const char content[2 * WRITE_SIZE];
	int fd = *(int *)ctx;

	for (unsigned long i = 0;; i++) {
		size_t size = i % OVERSIZE_EVERY == 0 ? sizeof(content) : WRITE_SIZE;

		count(pwrite(fd, content, size, 0) == (ssize_t)size);
	}
	return NULL;
}

static void write_contents(void)
{
	static int fds[WRITERS];
	pthread_t thread;
	char name[32];

	for (int i = 0; i < WRITERS; i++) {
		snprintf(name, sizeof(name), "content%d", i);
		fds[i] = openat(mount_fd, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
		if (fds[i] < 0)
			give_up(name);
		if (pthread_create(&thread, NULL, write_content, &fds[i]) != 0)
			give_up("a thread");
	}
	pause();
}

/* Opens as many files as are allowed, closes them, and begins again. */
static void open_all(const char *format, int flags)
{
	static int fds[FILES_MAX];
	char name[64];

	for (;;) {
		size_t opened = 0;

		while (opened < FILES_MAX) {
			snprintf(name, sizeof(name), format, opened);
			fds[opened] = openat(mount_fd, name, flags | O_CLOEXEC, 0644);
			if (!count(fds[opened] >= 0))
				break;
			opened++;
		}
		while (opened > 0)
			close(fds[--opened]);
	}
}

static void open_streams(void)
{
	open_all(".events", O_RDONLY);
}

static void open_handles(void)
{
	open_all("handle%zu", O_CREAT | O_RDONLY);
}

static const struct way ways[] = {
	{ "views", look_up_views },
	{ "polls", poll_for_locks },
	{ "listings", list_large_directory },
	{ "leases", keep_short_leases },
	{ "writes", write_contents },
	{ "streams", open_streams },
	{ "handles", open_handles },
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		give_up("the limit of open files");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		give_up("the limit of open files");
}

/* Holds the lock that the others wait for, in a session of its own. */
static void hold_lock(void)
{
	int fd = openat(mount_fd, "held", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0)
		give_up("held");
	close(fd);
}

static pid_t start(const struct way *way, struct tally *of_way)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	setsid();
	tally = of_way;
	way->act();
	_exit(EXIT_FAILURE);
}

static bool is_wanted(const struct way *way, char **wanted)
{
	bool any = !*wanted;

	for (; *wanted; wanted++)
		any = any || strcmp(*wanted, way->name) == 0;
	return any;
}

/* Ends the process. Returns false if it had ended by itself. */
static bool end(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

int main(int argc, char **argv)
{
	long seconds = argc >= 4 ? read_count(argv[3], SECONDS_MAX) : 0;
	struct tally *tallies =
		mmap(NULL, sizeof(*tallies) * WAYS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = EXIT_SUCCESS;
	pid_t pids[WAYS] = { 0 };

	if (seconds == 0 || tallies == MAP_FAILED) {
		fputs("usage: hostile DIRECTORY LISTED SECONDS [WAY...]\n", stderr);
		return 2;
	}
	mount_fd = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (mount_fd < 0)
		give_up(argv[1]);
	listed = argv[2];
	raise_descriptors();
	hold_lock();
	for (size_t i = 0; i < WAYS; i++) {
		if (!is_wanted(&ways[i], argv + 4))
			continue;
		pids[i] = start(&ways[i], &tallies[i]);
		if (pids[i] < 0)
			give_up("a process");
	}
	sleep_ms(seconds * 1000);
	for (size_t i = 0; i < WAYS; i++) {
		if (pids[i] > 0 && !end(pids[i])) {
			fprintf(stderr, "hostile: %s has ended by itself\n", ways[i].name);
			status = EXIT_FAILURE;
		}
		printf("%s %lu %lu\n", ways[i].name, tallies[i].done, tallies[i].refused);
	}
	return status;
}
