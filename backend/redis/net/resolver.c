/* Looks up the addresses of a host, by libuv's thread pool if the host is a name. */
#include "backend/redis/net/resolver.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static void add_address(struct resolver *resolver, const struct sockaddr *address, socklen_t size)
{
	char *text = resolver->addresses[resolver->address_count];

	if (resolver->address_count < RESOLVER_ADDRESSES_MAX &&
		getnameinfo(address, size, text, RESOLVER_ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST) == 0)
		resolver->address_count++;
}

static void on_addresses(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	struct resolver *resolver = request->data;
	const char *problem = NULL;

	request->data = NULL;
	for (const struct addrinfo *info = found; info; info = info->ai_next)
		add_address(resolver, info->ai_addr, info->ai_addrlen);
	if (resolver->address_count == 0)
		problem = status < 0 ? uv_strerror(status) : "its name has no address";
	uv_freeaddrinfo(found);
	resolver->on_resolved(resolver, problem);
}

static bool is_address(const char *host)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	return uv_ip4_addr(host, 0, &v4) == 0 || uv_ip6_addr(host, 0, &v6) == 0;
}

int resolver_start(struct resolver *resolver, uv_loop_t *loop, const char *host)
{
	static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	int err;

	resolver->address_count = 0;
	if (is_address(host) && strlen(host) < RESOLVER_ADDRESS_SIZE) {
		stpcpy(resolver->addresses[resolver->address_count++], host);
		return RESOLVER_FOUND;
	}
	if (resolver->request.data)
		return RESOLVER_BUSY;
	resolver->request.data = resolver;
	err = uv_getaddrinfo(loop, &resolver->request, on_addresses, host, NULL, &hints);
	if (err == 0)
		return RESOLVER_ASKED;
	resolver->request.data = NULL;
	return err;
}

void resolver_cancel(struct resolver *resolver)
{
	if (resolver->request.data)
		uv_cancel((uv_req_t *)&resolver->request);
}
