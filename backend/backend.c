/* Finds the backend that serves a SOURCE, and opens it. */
#include "lockfs/backend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/registry.h"
#include "backend/trace.h"

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

/* Returns NULL if no backend serves the SOURCE. */
static const struct backend_ops *find_by_scheme(const char *source)
{
	for (size_t i = 0; i < BACKEND_COUNT; i++)
		for (const char *const *scheme = backends[i]->schemes; *scheme; scheme++)
			if (has_scheme(source, *scheme))
				return backends[i];
	return NULL;
}

static void list_schemes(const char *source, char problem[BACKEND_PROBLEM_MAX])
{
	int length = snprintf(problem, BACKEND_PROBLEM_MAX,
		"no backend serves the SOURCE '%.*s'; it starts with one of:", (int)strcspn(source, ":"), source);

	for (size_t i = 0; i < BACKEND_COUNT; i++)
		for (const char *const *scheme = backends[i]->schemes; *scheme; scheme++)
			if (length > 0 && length < BACKEND_PROBLEM_MAX)
				length += snprintf(problem + length, BACKEND_PROBLEM_MAX - (size_t)length, " %s:",
					*scheme);
}

/* Puts the trace around a backend, which is closed if there is no memory for that. */
static int add_trace(const struct backend_config *config, struct backend **backend, char problem[BACKEND_PROBLEM_MAX])
{
	struct backend *traced = trace_wrap(*backend, config);

	if (!traced) {
		backend_close(*backend);
		snprintf(problem, BACKEND_PROBLEM_MAX, "cannot trace the calls of the backend: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	*backend = traced;
	return 0;
}

int backend_open(const struct backend_config *config, struct backend **ret, char problem[BACKEND_PROBLEM_MAX])
{
	const struct backend_ops *ops = find_by_scheme(config->source);
	int err;

	if (!ops) {
		list_schemes(config->source, problem);
		return -EPROTONOSUPPORT;
	}
	err = ops->open(config, ret, problem);
	return err == 0 && config->on_trace ? add_trace(config, ret, problem) : err;
}
