/*
 * Fuzz target: the Redis backend at a hostile server. Each call of the backend completes
 * once, and nothing is left when the backend is closed. The first line of the input has a
 * letter for each call. Then come the server's replies in the format of answer.h, with an
 * empty line between them. A message that begins with `>` is published after the reply
 * before it; one that begins with `<` arrives before the reply after it. The channel
 * `fuzz#m:x` stands for the channel of the mount.
 */
#include <hiredis/hiredis.h>
#include <signal.h>
#include <unistd.h>
#include <uv.h>

#include "lockfs/backend.h"
#include "tests/fuzz/answer.h"
#include "tests/fuzz/fuzz.h"

#define CALLS_MAX 12
#define MOUNT_PREFIX "fuzz#m:"
#define MOUNT_CHANNEL MOUNT_PREFIX "x"
#define PEERS_MAX 8
#define TIMEOUT_MS 40 /* of the backend */
#define START_MS 2000
#define GOES_ON_MS 15 /* after the last call */
#define HEARD_MS 1    /* until a message was heard */

/* A connection that the backend made. */
struct peer {
	uv_pipe_t pipe;
	redisReader *reader;
	bool is_open;
};

static struct {
	uv_loop_t loop;
	uv_pipe_t door;
	uv_timer_t end;
	struct peer peers[PEERS_MAX];
	size_t peer_count;
	struct peer *subscription; /* NULL: nobody has subscribed */
	char channel[64];      /* of the mount; only what is published to it is heard */
	struct backend *backend;
	char *blocks;          /* answers that were not given yet */
	uv_timer_t hearing;    /* a message is on its way, and the next answer waits for it */
	struct peer *asker;    /* to whom answers are owed, */
	unsigned int owed;     /* and so many */
	bool started;
	bool over;
	unsigned int calls;
	unsigned int answers;
	char path[108];
} run;

/* The server */

static void say(struct peer *peer, const char *bytes, size_t size)
{
	uv_buf_t buffer = uv_buf_init((char *)bytes, (unsigned int)size);

	if (peer && peer->is_open)
		uv_try_write((uv_stream_t *)&peer->pipe, &buffer, 1);
}

static void say_block(struct peer *peer, const char *block)
{
	size_t size = strlen(block);
	char *bytes = answer_of(block, &size);

	say(peer, bytes, size);
	free(bytes);
}

static char *take_block(void)
{
	char *block = run.blocks;
	char *end = block ? strstr(block, "\n\n") : NULL;

	if (end) {
		*end = '\0';
		end += 2;
	}
	run.blocks = end;
	return block;
}

static void publish(const char *block)
{
	const char *channel = strstr(block, MOUNT_CHANNEL "\n");
	char *text = NULL;

	if (!channel || !*run.channel) {
		say_block(run.subscription, block);
		return;
	}
	require(asprintf(&text, "%.*s%s%s", (int)(channel - block), block, run.channel,
		channel + strlen(MOUNT_CHANNEL)) > 0, "there is memory");
	say_block(run.subscription, text);
	free(text);
}

static bool publish_all(char mark)
{
	bool any = false;

	for (; run.blocks && *run.blocks == mark; any = true)
		publish(take_block() + 1);
	return any;
}

static void pay(uv_timer_t *timer)
{
	(void)timer;
	while (run.owed > 0 && !uv_is_active((uv_handle_t *)&run.hearing)) {
		const char *block;

		if (publish_all('<')) {
			uv_timer_start(&run.hearing, pay, HEARD_MS, 0);
			return;
		}
		run.owed--;
		block = take_block();
		say_block(run.asker, block && *block ? block : "+OK\r\n");
		publish_all('>');
	}
}

/* Answers with what comes next, in the order in which it was asked. */
static void answer_next(struct peer *peer)
{
	run.asker = peer;
	run.owed++;
	pay(NULL);
}

static void confirm(struct peer *peer, const char *verb, const redisReply *channel)
{
	char line[256];
	int length = snprintf(line, sizeof(line), "*3\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n:1\r\n", strlen(verb), verb,
		(size_t)channel->len, channel->str);

	run.subscription = peer;
	if (strncmp(channel->str, MOUNT_PREFIX, strlen(MOUNT_PREFIX)) == 0 && channel->len < sizeof(run.channel))
		stpcpy(run.channel, channel->str);
	say(peer, line, (size_t)length);
}

static void answer(struct peer *peer, const redisReply *command)
{
	const char *verb = command->element[0]->str;

	if (strcmp(verb, "SUBSCRIBE") == 0)
		confirm(peer, "subscribe", command->element[1]);
	else if (strcmp(verb, "UNSUBSCRIBE") == 0)
		confirm(peer, "unsubscribe", command->element[1]);
	else if (run.started && strncmp(verb, "EVAL", 4) == 0)
		answer_next(peer);
	else
		say(peer, "+OK\r\n", 5);
}

static void on_peer_closed(uv_handle_t *handle)
{
	struct peer *peer = handle->data;

	redisReaderFree(peer->reader);
}

static void close_peer(struct peer *peer)
{
	if (!peer->is_open)
		return;
	peer->is_open = false;
	uv_close((uv_handle_t *)&peer->pipe, on_peer_closed);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret)
{
	static char buffer[65536];

	(void)handle;
	(void)size;
	*ret = uv_buf_init(buffer, sizeof(buffer));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
	struct peer *peer = stream->data;
	void *command = NULL;

	if (size < 0) {
		close_peer(peer);
		return;
	}
	redisReaderFeed(peer->reader, buffer->base, (size_t)size);
	while (redisReaderGetReply(peer->reader, &command) == REDIS_OK && command) {
		answer(peer, command);
		freeReplyObject(command);
	}
}

static void on_visitor(uv_stream_t *door, int status)
{
	struct peer *peer = &run.peers[run.peer_count];

	/* Whoever comes back that often waits outside, and is turned away at the end. */
	if (status < 0 || run.peer_count == PEERS_MAX)
		return;
	run.peer_count++;
	uv_pipe_init(&run.loop, &peer->pipe, 0);
	peer->pipe.data = peer;
	peer->reader = redisReaderCreate();
	peer->is_open = true;
	require(peer->reader && uv_accept(door, (uv_stream_t *)&peer->pipe) == 0, "a visitor comes in");
	uv_read_start((uv_stream_t *)&peer->pipe, on_alloc, on_read);
	uv_unref((uv_handle_t *)&peer->pipe);
}

static void open_server(void)
{
	const char *dir = getenv("TMPDIR");

	snprintf(run.path, sizeof(run.path), "%s/fuzz-%d.sock", dir ? dir : "/tmp", (int)getpid());
	unlink(run.path);
	uv_pipe_init(&run.loop, &run.door, 0);
	require(uv_pipe_bind(&run.door, run.path) == 0 && uv_listen((uv_stream_t *)&run.door, PEERS_MAX, on_visitor) == 0,
		"there is a server");
	uv_unref((uv_handle_t *)&run.door);
}

static void close_server(void)
{
	for (size_t i = 0; i < run.peer_count; i++)
		close_peer(&run.peers[i]);
	uv_close((uv_handle_t *)&run.door, NULL);
	uv_close((uv_handle_t *)&run.end, NULL);
	uv_close((uv_handle_t *)&run.hearing, NULL);
	uv_run(&run.loop, UV_RUN_DEFAULT);
	require(uv_loop_close(&run.loop) == 0, "nothing is left in the loop");
}

/* The calls */

static const struct lock_claim claim = { .id = "0123456789abcdef", .identity = "s:1" };

static void on_done(void *ctx, int status)
{
	bool *answered = ctx;

	require(!*answered && status <= 0, "a call is answered once");
	*answered = true;
	run.answers++;
}

static void on_lock(void *ctx, int status, const struct lock *lock)
{
	require(status != 0 || lock, "a lock is told");
	on_done(ctx, status);
}

static void on_entry(void *ctx, int status, const struct entry *entry)
{
	require(status != 0 || entry, "an entry is told");
	on_done(ctx, status);
}

/* Asks for all pages, each of which is a call. */
static void on_list(struct listing *listing, int status, const struct list_item *items, size_t count)
{
	bool *answered = listing->ctx;

	require(status != 0 || !count || items, "names are told");
	require(strlen(listing->cursor) < sizeof(listing->cursor), "a cursor has room");
	on_done(answered, status);
	if (status < 0 || !listing->more)
		return;
	*answered = false;
	run.calls++;
	backend_list(run.backend, listing);
}

static void on_status(void *ctx, int status, const struct backend_status *answer)
{
	require((status == 0) == (answer != NULL), "a status is told");
	for (enum risk risk = 0; answer && risk < RISK_COUNT; risk++)
		require(answer->promises[risk].word && answer->promises[risk].reason, "each risk has a promise");
	for (size_t i = 0; answer && i < answer->mount_count; i++)
		require(*answer->mounts[i].host && *answer->mounts[i].place && *answer->mounts[i].version, "a mount says where it is");
	on_done(ctx, status);
}

static void acquire(struct backend *backend, struct acquisition *acquisition, bool waits, void *ctx)
{
	*acquisition = (struct acquisition){
		.key = "job",
		.holder = { .claim = claim, .user = "root", .host = "vm", .mount_point_id = "p", .command = "sh", .pid = 1 },
		.fallback_ttl_ms = 30000,
		.waits = waits,
		.done = on_lock,
		.ctx = ctx,
	};
	backend_acquire(backend, acquisition);
}

/* False: no call has this letter. */
static bool call(struct backend *backend, char letter, struct acquisition *acquisition, struct listing *listing,
                 void *ctx)
{
	static const struct dir_info dir = { .mode = 0755, .default_ttl_ms = 1000 };

	switch (letter) {
	case 'a':
	case 'w':
		acquire(backend, acquisition, letter == 'w', ctx);
		return true;
	case 'r':
		backend_release(backend, "job", &claim, match_any(), on_done, ctx);
		return true;
	case 'f':
		backend_release(backend, "job", NULL, match_any(), on_done, ctx);
		return true;
	case 't':
		backend_refresh(backend, "job", &claim, match_any(), LEASE_UNSET, TIME_UNSET, on_lock, ctx);
		return true;
	case 'b':
		backend_bind(backend, "job", &claim, 7, on_lock, ctx);
		return true;
	case 'g':
		backend_read(backend, "job", on_entry, ctx);
		return true;
	case 'l':
		*listing = (struct listing){ .path = "", .done = on_list, .ctx = ctx };
		backend_list(backend, listing);
		return true;
	case 'p':
		backend_write(backend, "job", 7, 0, "x", 1, on_done, ctx);
		return true;
	case 'c':
		backend_truncate(backend, "job", &claim, match_any(), 1, on_lock, ctx);
		return true;
	case 'm':
		backend_make_dir(backend, "dir", &dir, on_done, ctx);
		return true;
	case 's':
		backend_configure_dir(backend, "", DIR_DEFAULT_TTL, &dir, on_done, ctx);
		return true;
	case 'i':
		backend_status(backend, on_status, ctx);
		return true;
	default:
		return false;
	}
}

/* What is told */

static void on_event(void *ctx, const struct lock_event *event)
{
	(void)ctx;
	require(event->key && event->kind <= EVENT_EXPIRED, "an event is one");
}

static void on_gap(void *ctx)
{
	(void)ctx;
}

static void on_ended(void *ctx, const char *key, uint64_t token, bool taken)
{
	(void)ctx;
	require(*key && token > 0, "a holding has a key and a token");
	(void)taken;
}

static void on_touched(void *ctx, uint64_t token)
{
	(void)ctx;
	require(token > 0, "a holding has a token");
}

static void on_touched_all(void *ctx)
{
	(void)ctx;
}

static void on_notice(void *ctx, const char *line)
{
	(void)ctx;
	require(strlen(line) < BACKEND_PROBLEM_MAX, "a notice is a line");
}

/* The run */

static void on_over(uv_timer_t *timer)
{
	(void)timer;
	run.over = true;
}

static void on_started(void *ctx, int status, const char *problem)
{
	(void)ctx;
	require(status == 0 || problem, "what fails says why");
	run.started = status == 0;
	run.over = status < 0;
}

static struct backend *open_backend(char *source, bool scan)
{
	struct backend_config config = {
		.loop = &run.loop,
		.source = source,
		.namespace_ = "fuzz",
		.scan = scan,
		.timeout_ms = TIMEOUT_MS,
		.on_event = on_event,
		.on_gap = on_gap,
		.on_ended = on_ended,
		.on_touched = on_touched,
		.on_touched_all = on_touched_all,
		.on_notice = on_notice,
	};
	char problem[BACKEND_PROBLEM_MAX];
	struct backend *backend;

	require(backend_open(&config, &backend, problem) == 0, "there is a backend");
	backend_start(backend, on_started, NULL);
	return backend;
}

static void wait_for(bool (*happened)(void), uint64_t ms)
{
	run.over = false;
	uv_timer_start(&run.end, on_over, ms, 0);
	while (!run.over && !happened())
		uv_run(&run.loop, UV_RUN_ONCE);
	uv_timer_stop(&run.end);
}

static bool has_started(void)
{
	return run.started;
}

static bool never(void)
{
	return false;
}

static void converse(const char *letters)
{
	static struct acquisition acquisitions[CALLS_MAX];
	static struct listing listings[CALLS_MAX];
	bool answered[CALLS_MAX] = { false };
	char source[128];
	struct backend *backend;
	size_t made = 0;

	snprintf(source, sizeof(source), "redis+unix://%s", run.path);
	backend = open_backend(source, strchr(letters, 'S'));
	run.backend = backend;
	wait_for(has_started, START_MS);
	if (run.started && strchr(letters, 'L'))
		backend_listen(backend, LISTEN_ALL);
	for (; run.started && *letters && made < CALLS_MAX; letters++) {
		/* One that is answered at once may ask for more. */
		run.calls++;
		if (call(backend, *letters, &acquisitions[made], &listings[made], &answered[made]))
			made++;
		else
			run.calls--;
	}
	wait_for(never, GOES_ON_MS);
	backend_close(backend);
	require(run.answers == run.calls, "each call is answered");
	uv_run(&run.loop, UV_RUN_DEFAULT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);

	/* As the daemon does: who talks to one that hung up is told by errno. */
	signal(SIGPIPE, SIG_IGN);
	memset(&run, 0, sizeof(run));
	require(uv_loop_init(&run.loop) == 0, "there is a loop");
	uv_timer_init(&run.loop, &run.end);
	uv_timer_init(&run.loop, &run.hearing);
	uv_unref((uv_handle_t *)&run.hearing);
	run.blocks = text;
	open_server();
	converse(strsep(&run.blocks, "\n"));
	close_server();
	free(text);
	return 0;
}
