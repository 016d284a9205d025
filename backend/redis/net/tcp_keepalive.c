#include "backend/redis/net/tcp_keepalive.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

/*
 * Who only listens would not notice that the other end is gone, so the kernel looks
 * for it. Where it cannot, nothing is lost but that.
 */
void tcp_keepalive_start(int fd)
{
	static const struct {
		int level, option, value;
	} settings[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 5 },  /* seconds of silence */
		{ IPPROTO_TCP, TCP_KEEPINTVL, 1 }, /* seconds between questions */
		{ IPPROTO_TCP, TCP_KEEPCNT, 3 },
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		setsockopt(fd, settings[i].level, settings[i].option, &settings[i].value, sizeof(settings[i].value));
}
