/*
 * Prints a status. A value is printed by one put_…() for both formats: text has lines `name: value`, in which a value that
 * is not known is `unknown`; JSON has members whose names have `_` for each space, and null. Whatever bytes a text has, a
 * line stays a line.
 */
#include "fs/ops/status_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/util/clock.h"
#include "fs/util/line_text.h"
#include "fs/util/printable.h"

#define UNKNOWN "unknown"

/* Bytes of a text that are printed; what is longer is cut off. */
#define TEXT_MAX 4096

struct printer {
	FILE *out;
	bool json;
	bool is_open; /* JSON: a member was printed, so that a comma comes next */
};

static void put_comma(struct printer *printer)
{
	if (printer->is_open)
		fputc(',', printer->out);
	printer->is_open = true;
}

/* The name of the next value, and what stands between the two. */
static void put_name(struct printer *printer, const char *name)
{
	if (!printer->json) {
		fprintf(printer->out, "%s: ", name);
		return;
	}
	put_comma(printer);
	fputc('"', printer->out);
	for (; *name; name++)
		fputc(*name == ' ' ? '_' : *name, printer->out);
	fputs("\":", printer->out);
}

static void put_end(const struct printer *printer)
{
	if (!printer->json)
		fputc('\n', printer->out);
}

static void put_json_string(const struct printer *printer, const char *text)
{
	char string[TEXT_MAX * LINE_GROWTH_MAX + 3];

	line_put_json_string(string, text, TEXT_MAX);
	fputs(string, printer->out);
}

/* Text with its spaces. */
static void put_escaped(const struct printer *printer, const char *text)
{
	char escaped[TEXT_MAX * ESCAPED_BYTE + 1];

	print_escaped(text, strnlen(text, TEXT_MAX), escaped, sizeof(escaped));
	fputs(escaped, printer->out);
}

/* One word of several in a line. */
static void put_word(const struct printer *printer, const char *text)
{
	char word[TEXT_MAX * ESCAPED_BYTE + 1];

	line_put_field(word, text, TEXT_MAX);
	fputs(word, printer->out);
}

static void put_text(struct printer *printer, const char *name, const char *text)
{
	put_name(printer, name);
	if (printer->json)
		put_json_string(printer, text);
	else
		put_escaped(printer, text ? text : UNKNOWN);
	put_end(printer);
}

static void put_unknown(const struct printer *printer)
{
	fputs(printer->json ? "null" : UNKNOWN, printer->out);
}

static void put_number(struct printer *printer, const char *name, int64_t number)
{
	put_name(printer, name);
	if (number == STATUS_UNKNOWN)
		put_unknown(printer);
	else
		fprintf(printer->out, "%" PRId64, number);
	put_end(printer);
}

/* Seconds with `decimals`, as text ends with their unit. */
static void put_seconds(struct printer *printer, const char *name, int64_t ns, int decimals)
{
	put_name(printer, name);
	if (ns == STATUS_UNKNOWN)
		put_unknown(printer);
	else
		fprintf(printer->out, "%.*f%s", decimals, (double)ns / (double)NS_PER_S, printer->json ? "" : " s");
	put_end(printer);
}

/* A time in ms since the epoch, which is known. */
static void put_time(const struct printer *printer, int64_t ms)
{
	char time[LINE_TIME_MAX];

	line_put_time(time, ms * 1000);
	fprintf(printer->out, printer->json ? "\"%s\"" : "%s", time);
}

static void put_time_or_unknown(const struct printer *printer, int64_t ms)
{
	if (ms == STATUS_UNKNOWN)
		put_unknown(printer);
	else
		put_time(printer, ms);
}

static void put_since(struct printer *printer, const char *name, int64_t ms)
{
	put_name(printer, name);
	put_time_or_unknown(printer, ms);
	put_end(printer);
}

/* A cause at the end of a line; nothing if it is not known. */
static void put_because(const struct printer *printer, const char *cause)
{
	if (!cause)
		return;
	fputs(", because ", printer->out);
	put_escaped(printer, cause);
}

/* The values of the server */

static void put_server_name(const struct printer *printer, const struct backend_status *status)
{
	if (!status->server) {
		fputs(UNKNOWN, printer->out);
		return;
	}
	put_escaped(printer, status->server);
	if (status->server_version) {
		fputc(' ', printer->out);
		put_escaped(printer, status->server_version);
	}
}

static void put_server_line(struct printer *printer, const struct backend_status *status)
{
	put_name(printer, "server");
	if (!status->up) {
		fputs("away since ", printer->out);
		put_time_or_unknown(printer, status->away_since_ms);
		put_because(printer, status->away_cause);
		fputs("; it was ", printer->out);
	}
	put_server_name(printer, status);
	put_end(printer);
}

static void put_server(struct printer *printer, const struct backend_status *status)
{
	if (!printer->json) {
		put_server_line(printer, status);
		return;
	}
	put_text(printer, "server", status->server);
	put_text(printer, "server version", status->server_version);
	put_name(printer, "up");
	fputs(status->up ? "true" : "false", printer->out);
	put_since(printer, "away since", status->up ? STATUS_UNKNOWN : status->away_since_ms);
	put_text(printer, "away because", status->up ? NULL : status->away_cause);
}

/* The other values that a server of its own has. */
static void put_memory_left(struct printer *printer, int64_t left)
{
	if (left == STATUS_UNLIMITED)
		put_text(printer, "memory left", "unlimited");
	else
		put_number(printer, "memory left", left);
}

static void put_last_loss(struct printer *printer, const struct backend_status *status)
{
	bool was_lost = status->last_loss_ms != STATUS_UNKNOWN;

	if (printer->json) {
		put_since(printer, "last loss", status->last_loss_ms);
		put_text(printer, "last loss because", was_lost ? status->last_loss_cause : NULL);
		return;
	}
	put_name(printer, "last loss");
	if (was_lost) {
		put_time(printer, status->last_loss_ms);
		put_because(printer, status->last_loss_cause);
	} else {
		fputs("never", printer->out);
	}
	put_end(printer);
}

/* 0 s: no grace is running. */
static void put_grace(struct printer *printer, const struct backend_status *status)
{
	put_seconds(printer, "grace left", status->grace_left_ms * NS_PER_MS, 3);
}

static void put_promises(struct printer *printer, const struct backend_status *status)
{
	static const char *const names[RISK_COUNT][2] = {
		[RISK_RESTART] = { "restart", "restart because" },
		[RISK_FAILOVER] = { "failover", "failover because" },
		[RISK_MEMORY_FULL] = { "memory full", "memory full because" },
	};

	for (enum risk risk = 0; risk < RISK_COUNT; risk++) {
		const struct promise *promise = &status->promises[risk];

		if (printer->json) {
			put_text(printer, names[risk][0], promise->word);
			put_text(printer, names[risk][1], promise->reason);
			continue;
		}
		fprintf(printer->out, "%s: %s", names[risk][0], promise->word);
		put_because(printer, promise->reason);
		put_end(printer);
	}
}

/* The other mounts */

static void put_json_mount(struct printer *printer, const struct status_mount *mount)
{
	put_comma(printer);
	fputc('{', printer->out);
	printer->is_open = false;
	put_text(printer, "host", mount->host);
	put_text(printer, "mountpoint", mount->place);
	put_text(printer, "version", mount->version);
	fputc('}', printer->out);
	printer->is_open = true;
}

static void put_json_mounts(struct printer *printer, const struct backend_status *status)
{
	put_name(printer, "mounts");
	fputc('[', printer->out);
	printer->is_open = false;
	for (size_t i = 0; i < status->mount_count; i++)
		put_json_mount(printer, &status->mounts[i]);
	fputc(']', printer->out);
	printer->is_open = true;
}

static void put_mount_lines(struct printer *printer, const struct backend_status *status)
{
	for (size_t i = 0; i < status->mount_count; i++) {
		const struct status_mount *mount = &status->mounts[i];

		put_name(printer, "mount");
		put_word(printer, mount->host);
		fputc(' ', printer->out);
		put_word(printer, mount->place);
		fputc(' ', printer->out);
		put_word(printer, mount->version);
		put_end(printer);
	}
}

static void put_mounts(struct printer *printer, const struct backend_status *status)
{
	bool were_asked = status->mounts_silent != STATUS_UNKNOWN;

	put_number(printer, "other mounts", were_asked ? (int64_t)status->mount_count : STATUS_UNKNOWN);
	put_number(printer, "silent mounts", status->mounts_silent);
	if (printer->json)
		put_json_mounts(printer, status);
	else
		put_mount_lines(printer, status);
}

static void put_all(struct printer *printer, const struct backend_status *status, const struct status_mount_point *here)
{
	put_text(printer, "source", status->source);
	put_text(printer, "namespace", here->namespace_);
	put_text(printer, "mountpoint", here->mountpoint);
	put_text(printer, "version", LOCKFS_VERSION);
	put_server(printer, status);
	put_text(printer, "process", status->process);
	put_text(printer, "role", status->role);
	put_number(printer, "replicas in sync", status->replicas_in_sync);
	put_number(printer, "replicas asked for", status->replicas_asked);
	put_text(printer, "persistence", status->persistence);
	put_text(printer, "eviction policy", status->eviction_policy);
	put_memory_left(printer, status->memory_left);
	put_seconds(printer, "round trip", status->round_trip_ns, 6);
	put_seconds(printer, "clock difference",
		status->clock_difference_ms == STATUS_UNKNOWN ? STATUS_UNKNOWN : status->clock_difference_ms * NS_PER_MS, 3);
	put_since(printer, "connected since", status->connected_since_ms);
	put_last_loss(printer, status);
	put_grace(printer, status);
	put_promises(printer, status);
	put_mounts(printer, status);
}

int status_text_print(const struct backend_status *status, const struct status_mount_point *here, bool json, char **ret_text,
                      size_t *ret_size)
{
	struct printer printer = { .out = open_memstream(ret_text, ret_size), .json = json };

	if (!printer.out)
		return -ENOMEM;
	if (json)
		fputc('{', printer.out);
	put_all(&printer, status, here);
	if (json)
		fputs("}\n", printer.out);
	return fclose(printer.out) == 0 ? 0 : -ENOMEM;
}
