/*
 * Keepalive probes. A connection that only receives, such as a subscription, would not notice
 * that its peer is gone, so the kernel asks the peer.
 */
#include "backend/redis/net/tcp_keepalive.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

void tcp_keepalive_start(int fd)
{
	static const struct {
		int level, option, value;
	} settings[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 5 },  /* seconds of silence before the first probe */
		{ IPPROTO_TCP, TCP_KEEPINTVL, 1 }, /* seconds between probes */
		{ IPPROTO_TCP, TCP_KEEPCNT, 3 },   /* unanswered probes that end the connection */
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		setsockopt(fd, settings[i].level, settings[i].option, &settings[i].value, sizeof(settings[i].value));
}
