#include "lockfs/backend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/registry.h"

static const struct backend_ops *const backends[] = {
	&memory_backend_ops,
	&redis_backend_ops,
};

#define BACKEND_COUNT (sizeof(backends) / sizeof(backends[0]))

static bool has_scheme(const char *source, const char *scheme)
{
	size_t length = strlen(scheme);

	return strncmp(source, scheme, length) == 0 && source[length] == ':';
}

static const struct backend_ops *find_by_scheme(const char *source)
{
	for (size_t i = 0; i < BACKEND_COUNT; i++)
		for (const char *const *scheme = backends[i]->schemes; *scheme; scheme++)
			if (has_scheme(source, *scheme))
				return backends[i];
	return NULL;
}

static void say_what_there_is(const char *source, char problem[BACKEND_PROBLEM_MAX])
{
	int length = snprintf(problem, BACKEND_PROBLEM_MAX,
		"no backend serves the SOURCE '%.*s'; it starts with one of:", (int)strcspn(source, ":"), source);

	for (size_t i = 0; i < BACKEND_COUNT; i++)
		for (const char *const *scheme = backends[i]->schemes; *scheme; scheme++)
			if (length > 0 && length < BACKEND_PROBLEM_MAX)
				length += snprintf(problem + length, BACKEND_PROBLEM_MAX - (size_t)length, " %s:",
					*scheme);
}

int backend_open(const struct backend_config *config, struct backend **ret, char problem[BACKEND_PROBLEM_MAX])
{
	const struct backend_ops *ops = find_by_scheme(config->source);

	if (!ops) {
		say_what_there_is(config->source, problem);
		return -EPROTONOSUPPORT;
	}
	return ops->open(config, ret, problem);
}
