/*
 * Times acquire and release of a lock, in several ways that take turns:
 *
 *   cycle MS TURNS PROCESSES WAY...
 *
 * WAY is one of
 *
 *   file:DIR        open(O_CREAT | O_EXCL), close, unlink; each process has its own name in DIR
 *   dirs:DIR        as file:DIR, and each process has its own directory in DIR
 *   tcp:HOST:PORT   SET NX PX and a script that deletes the key of this holder, by hiredis
 *   unix:SOCKET     as tcp:HOST:PORT, over a unix socket
 *   pipe:COMMAND    a program that reads lines with a time in ms, runs rounds for that time, and
 *                   prints a line with the time of each round, in µs
 *
 * The ways take turns of MS milliseconds each, all processes of one at a time, so
 * that other load of the machine affects them all alike. Prints a line for each:
 *
 *   MEDIAN MIN P99 RATE LEAST MOST
 *
 * the first three of a round, in us; the others are rounds a second of all processes
 * together: the median of the turns, the slowest and the fastest.
 */
#include <errno.h>
#include <fcntl.h>
#include <hiredis.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define TURN_MS_MAX   60000
#define TURNS_MAX     1000
#define PROCESSES_MAX 1024

/* Most rounds of one process whose times are recorded; later rounds are only counted. */
#define TIMES_MAX 32768

#define LEASE_MS "30000"
#define RELEASE_SCRIPT                                                                                       \
	"if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

/* The measurements of a process, in memory that it shares with its parent. */
struct record {
	uint64_t rounds; /* of the last turn */
	uint64_t kept;
	uint32_t times_ns[TIMES_MAX];
};

struct worker {
	const char *where; /* behind the colon of the way */
	int number;
	int dir_fd;
	char name[32];
	redisContext *redis;
	char script[41];
	FILE *to, *from; /* of a pipe */
	struct record *record;
};

struct kind {
	const char *prefix;
	bool (*open)(struct worker *worker);
	bool (*turn)(struct worker *worker, long ms);
	bool (*round)(struct worker *worker);
};

struct way {
	const char *text;
	const struct kind *kind;
	struct record *records; /* one a process */
	int *fds;               /* to each process: 1 starts a turn, 0 ends it, and a byte comes back */
	double rates[TURNS_MAX];
};

static bool complain(const char *what, const char *name, const char *why)
{
	fprintf(stderr, "cycle: cannot %s %s: %s\n", what, name, why);
	return false;
}

static void record_time(struct record *record, int64_t ns)
{
	record->rounds++;
	if (record->kept < TIMES_MAX)
		record->times_ns[record->kept++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static bool turn_of_rounds(struct worker *worker, const struct kind *kind, long ms)
{
	int64_t start_ns = now_ns();
	int64_t end_ns = start_ns + ms * 1000000;

	while (start_ns < end_ns) {
		int64_t done_ns;

		if (!kind->round(worker))
			return false;
		done_ns = now_ns();
		record_time(worker->record, done_ns - start_ns);
		start_ns = done_ns;
	}
	return true;
}

/* Files */

static bool open_dir(struct worker *worker, const char *path)
{
	worker->dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return worker->dir_fd >= 0 || complain("open", path, strerror(errno));
}

static bool open_shared_dir(struct worker *worker)
{
	snprintf(worker->name, sizeof(worker->name), "job-%d", worker->number);
	return open_dir(worker, worker->where);
}

static bool open_own_dir(struct worker *worker)
{
	char path[4096];

	snprintf(worker->name, sizeof(worker->name), "job");
	snprintf(path, sizeof(path), "%s/dir-%d", worker->where, worker->number);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return complain("make", path, strerror(errno));
	return open_dir(worker, path);
}

static bool round_of_file(struct worker *worker)
{
	int fd = openat(worker->dir_fd, worker->name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0)
		return complain("create", worker->name, strerror(errno));
	close(fd);
	return unlinkat(worker->dir_fd, worker->name, 0) == 0 ||
	       complain("remove", worker->name, strerror(errno));
}

/* Redis, as a client library does it */

static bool load_script(struct worker *worker)
{
	redisReply *reply;

	if (!worker->redis || worker->redis->err)
		return complain(
			"reach", worker->where, worker->redis ? worker->redis->errstr : strerror(ENOMEM));
	reply = redisCommand(worker->redis, "SCRIPT LOAD %s", RELEASE_SCRIPT);
	if (!reply || reply->type != REDIS_REPLY_STRING)
		return complain("load a script at", worker->where, "it does not answer so");
	snprintf(worker->script, sizeof(worker->script), "%s", reply->str);
	freeReplyObject(reply);
	snprintf(worker->name, sizeof(worker->name), "raw-%d", worker->number);
	return true;
}

static bool open_tcp(struct worker *worker)
{
	char *host = strdup(worker->where);
	char *colon = host ? strrchr(host, ':') : NULL;

	if (!colon)
		return complain("understand", worker->where, "it is no HOST:PORT");
	*colon = '\0';
	worker->redis = redisConnect(host, (int)strtol(colon + 1, NULL, 10));
	free(host);
	return load_script(worker);
}

static bool open_unix(struct worker *worker)
{
	worker->redis = redisConnectUnix(worker->where);
	return load_script(worker);
}

static bool round_of_redis(struct worker *worker)
{
	redisReply *set, *released;
	char id[33];
	bool done;

	snprintf(
		id, sizeof(id), "%016x%016lx", (unsigned int)getpid(), (unsigned long)worker->record->rounds);
	set = redisCommand(worker->redis, "SET %s %s NX PX " LEASE_MS, worker->name, id);
	released = redisCommand(worker->redis, "EVALSHA %s 1 %s %s", worker->script, worker->name, id);
	done = set && set->type == REDIS_REPLY_STATUS && released && released->integer == 1;
	freeReplyObject(set);
	freeReplyObject(released);
	return done || complain("take and release", worker->name, worker->redis->errstr);
}

/* Another program */

static bool open_pipe(struct worker *worker)
{
	int ends[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return complain("talk to", worker->where, strerror(errno));
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDIN_FILENO);
		dup2(ends[1], STDOUT_FILENO);
		execl("/bin/sh", "sh", "-c", worker->where, "sh", (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	worker->to = fdopen(ends[0], "w");
	worker->from = fdopen(dup(ends[0]), "r");
	return child > 0 && worker->to && worker->from;
}

static bool turn_of_pipe(struct worker *worker, long ms)
{
	char *line = NULL;
	size_t size = 0;
	char *at, *end;

	fprintf(worker->to, "%ld\n", ms);
	fflush(worker->to);
	if (getline(&line, &size, worker->from) < 0) {
		free(line);
		return complain("measure", worker->where, "it has ended");
	}
	for (at = line; *at && *at != '\n'; at = end) {
		double us = strtod(at, &end);

		if (end == at)
			break;
		record_time(worker->record, (int64_t)(us * 1000));
	}
	free(line);
	return true;
}

static const struct kind kinds[] = {
	{.prefix = "file:", .open = open_shared_dir, .round = round_of_file},
	{.prefix = "dirs:", .open = open_own_dir, .round = round_of_file},
	{.prefix = "tcp:", .open = open_tcp, .round = round_of_redis},
	{.prefix = "unix:", .open = open_unix, .round = round_of_redis},
	{.prefix = "pipe:", .open = open_pipe, .turn = turn_of_pipe},
};

/* Processes */

static void work(const struct way *way, int number, int fd, long ms)
{
	struct worker worker = {
		.where = way->text + strlen(way->kind->prefix),
		.number = number,
		.record = &way->records[number],
	};
	char byte = way->kind->open(&worker);

	while (write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1 && byte) {
		worker.record->rounds = 0;
		byte = way->kind->turn ? way->kind->turn(&worker, ms)
				       : turn_of_rounds(&worker, way->kind, ms);
	}
	_exit(EXIT_SUCCESS);
}

/* Waits for a byte from each process. Returns whether all succeeded. */
static bool all_say_yes(const struct way *way, int processes)
{
	bool well = true;
	char byte;

	for (int i = 0; i < processes; i++)
		well = read(way->fds[i], &byte, 1) == 1 && byte && well;
	return well;
}

static bool start_processes(struct way *way, int processes, long ms)
{
	size_t size = sizeof(*way->records) * (size_t)processes;

	way->records =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	way->fds = calloc((size_t)processes, sizeof(*way->fds));
	if (way->records == MAP_FAILED || !way->fds)
		return complain("measure", way->text, strerror(ENOMEM));
	for (int i = 0; i < processes; i++) {
		int ends[2];
		pid_t child;

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
			return complain("measure", way->text, strerror(errno));
		child = fork();
		if (child < 0)
			return complain("measure", way->text, strerror(errno));
		if (child == 0)
			work(way, i, ends[1], ms);
		close(ends[1]);
		way->fds[i] = ends[0];
	}
	return all_say_yes(way, processes);
}

static bool tell_all(const struct way *way, int processes, char byte)
{
	bool told = true;

	for (int i = 0; i < processes; i++)
		told = write(way->fds[i], &byte, 1) == 1 && told;
	return told;
}

/* One turn of a way; returns its rate, or a negative number. */
static double run_turn(const struct way *way, int processes)
{
	int64_t start_ns = now_ns();
	uint64_t rounds = 0;

	if (!tell_all(way, processes, 1) || !all_say_yes(way, processes))
		return -1;
	for (int i = 0; i < processes; i++)
		rounds += way->records[i].rounds;
	return (double)rounds * 1e9 / (double)(now_ns() - start_ns);
}

/* Reporting */

static int compare_rates(const void *left, const void *right)
{
	double a = *(const double *)left;
	double b = *(const double *)right;

	return (a > b) - (a < b);
}

static bool report(struct way *way, int processes, int turns)
{
	int64_t *times_ns;
	size_t count = 0;

	for (int i = 0; i < processes; i++)
		count += way->records[i].kept;
	times_ns = calloc(count + 1, sizeof(*times_ns));
	if (!times_ns || count == 0)
		return complain("report", way->text, "there are no rounds");
	count = 0;
	for (int i = 0; i < processes; i++)
		for (uint64_t j = 0; j < way->records[i].kept; j++)
			times_ns[count++] = way->records[i].times_ns[j];
	print_times(times_ns, count);
	qsort(way->rates, (size_t)turns, sizeof(*way->rates), compare_rates);
	printf(" %.0f %.0f %.0f\n", way->rates[turns / 2], way->rates[0], way->rates[turns - 1]);
	free(times_ns);
	return true;
}

static bool find_kind(struct way *way, const char *text)
{
	*way = (struct way){.text = text};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(text, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			way->kind = &kinds[i];
	return way->kind || complain("measure", text, "it begins with no known word");
}

static bool measure(struct way *ways, int way_count, int processes, int turns)
{
	/* The first turn warms up and does not count. */
	for (int turn = -1; turn < turns; turn++)
		for (int i = 0; i < way_count; i++) {
			double rate = run_turn(&ways[i], processes);

			if (rate < 0)
				return complain("measure", ways[i].text, "a process failed");
			if (turn >= 0)
				ways[i].rates[turn] = rate;
			else
				for (int process = 0; process < processes; process++)
					ways[i].records[process].kept = 0;
		}
	return true;
}

int main(int argc, char **argv)
{
	long ms = read_count(argc > 1 ? argv[1] : NULL, TURN_MS_MAX);
	int turns = (int)read_count(argc > 2 ? argv[2] : NULL, TURNS_MAX);
	int processes = (int)read_count(argc > 3 ? argv[3] : NULL, PROCESSES_MAX);
	int way_count = argc - 4;
	struct way *ways;

	if (ms < 1 || turns < 1 || processes < 1 || way_count < 1) {
		fputs("usage: cycle MS TURNS PROCESSES WAY...\n", stderr);
		return 2;
	}
	ways = calloc((size_t)way_count, sizeof(*ways));
	if (!ways)
		return EXIT_FAILURE;
	for (int i = 0; i < way_count; i++)
		if (!find_kind(&ways[i], argv[i + 4]) || !start_processes(&ways[i], processes, ms))
			return EXIT_FAILURE;
	if (!measure(ways, way_count, processes, turns))
		return EXIT_FAILURE;
	for (int i = 0; i < way_count; i++)
		if (!report(&ways[i], processes, turns) || !tell_all(&ways[i], processes, 0))
			return EXIT_FAILURE;
	while (wait(NULL) > 0)
		;
	return EXIT_SUCCESS;
}
