/* Keepalive probes of the kernel, which find out that a silent peer is gone. */
#ifndef BACKEND_REDIS_NET_TCP_KEEPALIVE_H
#define BACKEND_REDIS_NET_TCP_KEEPALIVE_H

/* Starts probing on a TCP socket. A system that cannot do so is not an error. */
void tcp_keepalive_start(int fd);

#endif
