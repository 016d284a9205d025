/* Fuzz target: the name of a view's directory. What is parsed can be printed, and is then parsed as the same. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>

#include "fs/names/view.h"
#include "tests/fuzz/fuzz.h"

static void write_duration(FILE *out, const char *option, int64_t ms)
{
	char text[DURATION_TEXT_MAX];

	duration_print(ms, text);
	fprintf(out, ",%s=%s", option, text);
}

static void write_patience(FILE *out, const struct patience *patience)
{
	if (patience->waits && patience->wait_ms == WAIT_FOREVER)
		fputs(",wait=forever", out);
	else if (patience->waits)
		write_duration(out, "wait", patience->wait_ms);
	if (patience->interval_ms)
		write_duration(out, "interval", patience->interval_ms);
	if (patience->attempts)
		fprintf(out, ",attempts=%u", patience->attempts);
}

/* The one way to write options, with a comma in front. The caller frees it. */
static char *write_view(const struct view_options *options)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	require(out != NULL, "there is memory");
	if (options->ttl_ms != LEASE_UNSET)
		write_duration(out, "ttl", options->ttl_ms);
	if (*options->id)
		fprintf(out, ",id=%s", options->id);
	if (options->as_files)
		fputs(",file", out);
	if (options->lockdir)
		fputs(",lockdir", out);
	if (options->force)
		fputs(",force", out);
	if (options->token)
		fprintf(out, ",token=%" PRIu64, options->token);
	if (options->hold)
		fputs(",hold", out);
	if (options->mode == LOCK_SHARED)
		fputs(",shared", out);
	write_patience(out, &options->patience);
	if (options->signal)
		fprintf(out, ",signal=%s", sigabbrev_np(options->signal));
	fclose(out);
	return text;
}

static bool same_patience(const struct patience *one, const struct patience *other)
{
	return one->waits == other->waits && one->wait_ms == other->wait_ms &&
		one->interval_ms == other->interval_ms && one->attempts == other->attempts;
}

static bool same_view(const struct view_options *one, const struct view_options *other)
{
	return one->ttl_ms == other->ttl_ms && one->as_files == other->as_files && one->lockdir == other->lockdir &&
		one->force == other->force && one->token == other->token &&
		one->hold == other->hold && one->mode == other->mode && one->signal == other->signal && strcmp(one->id, other->id) == 0 &&
		same_patience(&one->patience, &other->patience);
}

static void check_fields(const struct view_options *options)
{
	const struct patience *patience = &options->patience;

	require(options->ttl_ms >= LEASE_NEVER && options->ttl_ms <= LEASE_MAX_MS, "a lease is in its bounds");
	require(strlen(options->id) <= LOCK_ID_MAX && !strchr(options->id, ','), "an id can be one");
	require(options->signal >= 0 && options->signal < NSIG, "a signal is one");
	require(patience->wait_ms >= WAIT_FOREVER && patience->wait_ms <= LEASE_MAX_MS, "a wait is in its bounds");
	require(patience->interval_ms >= 0 && patience->interval_ms <= LEASE_MAX_MS, "an interval is in its bounds");
	require(patience->attempts <= ATTEMPTS_MAX, "attempts are in their bounds");
}

/* One text is one view, for as long as somebody holds it. */
static void check_table(const char *text, const struct view_options *options)
{
	struct view_table table = { 0 };
	struct view *view, *same = NULL;

	require(view_get(&table, text, &view) == 0 && view_get(&table, text, &same) == 0, "there is a view");
	require(view == same && same_view(view_options_of(view), options), "it is the same view");
	require(view_hides(view) == (patience_any(&options->patience) || options->mode == LOCK_SHARED),
		"who has patience, or shares, sees no locks of others");
	require(view_acquires(view) == (*options->id || options->hold || view_hides(view)),
		"creating acquires only if the view says who acquires, or how");
	view_put(&table, view);
	view_put(&table, same);
	require(!table.by_text, "nothing is left of it");
}

static void check_view(const char *text)
{
	struct view_options options, again;
	char *written;

	if (view_parse(text, &options) < 0)
		return;
	check_fields(&options);
	check_table(text, &options);
	written = write_view(&options);
	require(*written == ',' && view_parse(written + 1, &again) == 0, "what is written is understood");
	require(same_view(&options, &again), "it is the same view");
	free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);

	/* No directory has such a name. */
	if (*text && !strchr(text, '/'))
		check_view(text);
	free(text);
	return 0;
}
