/*
 * A cable between two network namespaces. Each direction can be cut, slow or lossy. A
 * program and not sch_netem, so that it works on every kernel with /dev/net/tun.
 *
 *   cable NETNS DEVICE NETNS DEVICE SEED
 *
 * Creates a device in each namespace, which exists as long as the program runs, and prints
 * `ready`. Reads orders from stdin, one a line, and answers each with `ok`:
 *
 *   there|back DELAY_MS JITTER_MS LOSS_PERCENT
 *
 * `there` is the direction from the first namespace to the second. Packets keep their order.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define PACKET_MAX 2048

/* What is more than this on its way is lost, as in any router. */
#define PACKETS_MAX 4096

struct packet {
	struct packet *next;
	int64_t due_ns;
	size_t size;
	unsigned char data[];
};

struct way {
	int from, to;
	int delay_ms, jitter_ms, loss_percent;
	int count;
	int64_t last_due_ns;
	struct packet *first, **last;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int open_device(const char *netns, const char *device)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		err(1, "%s", path);
	close(fd);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		err(1, "/dev/net/tun");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		err(1, "%s in %s", device, netns);
	return fd;
}

static void take(struct way *way, const unsigned char *data, size_t size)
{
	struct packet *packet;
	int64_t due_ns;

	if (random() % 100 < way->loss_percent || way->count == PACKETS_MAX)
		return;
	packet = malloc(sizeof(*packet) + size);
	if (!packet)
		return;
	due_ns = now_ns() + way->delay_ms * INT64_C(1000000);
	if (way->jitter_ms)
		due_ns += random() % (way->jitter_ms * INT64_C(1000000));
	if (due_ns < way->last_due_ns)
		due_ns = way->last_due_ns;
	way->last_due_ns = due_ns;
	*packet = (struct packet){ .due_ns = due_ns, .size = size };
	memcpy(packet->data, data, size);
	*way->last = packet;
	way->last = &packet->next;
	way->count++;
}

static void take_all(struct way *way)
{
	unsigned char data[PACKET_MAX];
	ssize_t size;

	while ((size = read(way->from, data, sizeof(data))) > 0)
		take(way, data, (size_t)size);
}

static void deliver(struct way *way)
{
	struct packet *packet;

	while ((packet = way->first) && packet->due_ns <= now_ns()) {
		way->first = packet->next;
		if (!way->first)
			way->last = &way->first;
		way->count--;
		/* A cut also loses what was on its way. */
		if (way->loss_percent < 100 && write(way->to, packet->data, packet->size) < 0) {
			/* The device is down, or full: lost. */
		}
		free(packet);
	}
}

/* False at the end of the orders, which is that of the cable. */
static int obey(struct way ways[2])
{
	static char line[256];
	static size_t length;
	char name[8];
	int delay_ms, jitter_ms, loss_percent;
	ssize_t got = read(STDIN_FILENO, line + length, sizeof(line) - 1 - length);
	char *end;

	if (got <= 0)
		return 0;
	length += (size_t)got;
	line[length] = '\0';
	while ((end = strchr(line, '\n'))) {
		struct way *way;

		if (sscanf(line, "%7s %d %d %d", name, &delay_ms, &jitter_ms, &loss_percent) != 4)
			errx(1, "not an order: %s", line);
		way = &ways[strcmp(name, "back") == 0];
		way->delay_ms = delay_ms;
		way->jitter_ms = jitter_ms;
		way->loss_percent = loss_percent;
		if (write(STDOUT_FILENO, "ok\n", 3) != 3)
			return 0;
		length -= (size_t)(end + 1 - line);
		memmove(line, end + 1, length + 1);
	}
	return 1;
}

static int64_t next_due(const struct way ways[2])
{
	int64_t due_ns = INT64_MAX;

	for (int i = 0; i < 2; i++)
		if (ways[i].first && ways[i].first->due_ns < due_ns)
			due_ns = ways[i].first->due_ns;
	return due_ns;
}

int main(int argc, char **argv)
{
	struct way ways[2] = { 0 };
	struct pollfd fds[3] = { { .fd = STDIN_FILENO, .events = POLLIN } };

	if (argc != 6)
		errx(2, "usage: cable NETNS DEVICE NETNS DEVICE SEED");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	srandom((unsigned int)strtoul(argv[5], NULL, 10));
	for (int i = 0; i < 2; i++) {
		fds[i + 1] = (struct pollfd){ .fd = open_device(argv[1 + 2 * i], argv[2 + 2 * i]), .events = POLLIN };
		ways[i].last = &ways[i].first;
	}
	ways[0].from = ways[1].to = fds[1].fd;
	ways[0].to = ways[1].from = fds[2].fd;
	if (write(STDOUT_FILENO, "ready\n", 6) != 6)
		return 1;
	for (;;) {
		int64_t due_ns = next_due(ways);
		int64_t left_ns = due_ns - now_ns();
		struct timespec left = { 0 };

		if (left_ns > 0)
			left = (struct timespec){ left_ns / 1000000000, left_ns % 1000000000 };
		ppoll(fds, 3, due_ns == INT64_MAX ? NULL : &left, NULL);
		for (int i = 0; i < 2; i++) {
			take_all(&ways[i]);
			deliver(&ways[i]);
		}
		if (fds[0].revents && !obey(ways))
			return 0;
	}
}
