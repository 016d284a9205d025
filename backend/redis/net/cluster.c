/*
 * The nodes of a cluster name the one that has the slot of the namespace. A search asks all nodes that are known, and
 * the node that most of them name counts. A node that lost the slot says which one has it now (MOVED); as an idle
 * mount would not notice, it asks for a key of the slot once a second.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/redis/net/address_reply.h"
#include "backend/redis/net/finder.h"
#include "backend/redis/net/server_error.h"
#include "backend/redis/net/slot.h"

#define NODES_MAX (2 * REDIS_ADDRESSES_MAX)
#define WATCH_MS 1000 /* between two questions for the key */

struct node {
	struct cluster *cluster;
	struct redis_address address;
	struct question *question; /* NULL: it is not asked */
	bool has_named;            /* it named a node with the slot */
	struct redis_address named;
};

struct cluster {
	struct finder base;
	unsigned int slot;
	uv_timer_t limit;          /* of a search */
	uv_timer_t watch;
	bool is_watched;           /* the question for the key is not answered yet */
	char problem[FINDER_PROBLEM_MAX]; /* why the last node that was asked names none */
	size_t count;              /* of nodes: first those of SOURCE, then those that a node named */
	struct node nodes[NODES_MAX];
};

static struct cluster *cluster_of(struct finder *finder)
{
	return (struct cluster *)finder;
}

/* The end of a search */

static void stop_asking(struct finder *finder)
{
	struct cluster *cluster = cluster_of(finder);

	uv_timer_stop(&cluster->limit);
	for (size_t i = 0; i < cluster->count; i++) {
		question_drop(cluster->nodes[i].question);
		cluster->nodes[i].question = NULL;
	}
}

static size_t count_votes(const struct cluster *cluster, const struct redis_address *address)
{
	size_t votes = 0;

	for (size_t i = 0; i < cluster->count; i++)
		if (cluster->nodes[i].has_named && redis_address_equals(&cluster->nodes[i].named, address))
			votes++;
	return votes;
}

static void decide(struct cluster *cluster)
{
	const struct redis_address *best = NULL;
	size_t most = 0;
	char problem[2 * FINDER_PROBLEM_MAX];

	stop_asking(&cluster->base);
	for (size_t i = 0; i < cluster->count; i++) {
		const struct node *node = &cluster->nodes[i];
		size_t votes = node->has_named ? count_votes(cluster, &node->named) : 0;

		if (votes > most) {
			best = &node->named;
			most = votes;
		}
	}
	if (best) {
		primary_found(cluster->base.primary, best);
		return;
	}
	snprintf(problem, sizeof(problem), "no node names the one of slot %u: %s", cluster->slot,
		*cluster->problem ? cluster->problem : "none answers");
	primary_not_found(cluster->base.primary, -EHOSTDOWN, problem);
}

static void on_limit(uv_timer_t *timer)
{
	decide(cluster_of(timer->data));
}

/* Answers */

static void add_node(struct cluster *cluster, const struct redis_address *address)
{
	for (size_t i = 0; i < cluster->count; i++)
		if (redis_address_equals(&cluster->nodes[i].address, address))
			return;
	if (cluster->count == NODES_MAX)
		return;
	cluster->nodes[cluster->count++] = (struct node){ .cluster = cluster, .address = *address };
}

static void on_node(void *ctx, const struct redis_address *address, bool has_slot)
{
	struct node *asked = ctx;

	add_node(asked->cluster, address);
	if (has_slot) {
		asked->named = *address;
		asked->has_named = true;
	}
}

static void describe_refusal(struct node *asked, const char *text)
{
	char address[REDIS_ADDRESS_TEXT_SIZE];

	redis_address_print(&asked->address, address);
	if (strstr(text, "cluster support disabled"))
		snprintf(asked->cluster->problem, sizeof(asked->cluster->problem),
			"%s is no node of a cluster: write redis:// in SOURCE", address);
	else
		server_error_print(address, text, asked->cluster->problem, sizeof(asked->cluster->problem));
}

static void read_slots(struct node *asked, const redisReply *reply)
{
	struct cluster *cluster = asked->cluster;
	char address[REDIS_ADDRESS_TEXT_SIZE];

	address_reply_slots(reply, cluster->slot, asked->address.host, on_node, asked);
	if (reply->type == REDIS_REPLY_ERROR)
		describe_refusal(asked, reply->str);
	else if (!asked->has_named)
		snprintf(cluster->problem, sizeof(cluster->problem), "%s knows no node with this slot: CLUSTER INFO says more",
			redis_address_print(&asked->address, address));
}

static bool is_anybody_asked(const struct cluster *cluster)
{
	for (size_t i = 0; i < cluster->count; i++)
		if (cluster->nodes[i].question)
			return true;
	return false;
}

static void on_slots(void *ctx, const redisReply *reply, const char *problem)
{
	struct node *node = ctx;
	struct cluster *cluster = node->cluster;
	uint64_t others_ms = (uint64_t)finder_others_ms(&cluster->base);

	node->question = NULL;
	if (reply)
		read_slots(node, reply);
	else
		snprintf(cluster->problem, sizeof(cluster->problem), "%s", problem);
	if (!is_anybody_asked(cluster) || (node->has_named && 2 * count_votes(cluster, &node->named) > cluster->count))
		decide(cluster);
	else if (node->has_named && uv_timer_get_due_in(&cluster->limit) > others_ms)
		uv_timer_start(&cluster->limit, on_limit, others_ms, 0);
}

static void find(struct finder *finder)
{
	static const char *const command[] = { "CLUSTER", "SLOTS" };
	struct cluster *cluster = cluster_of(finder);
	struct question_form form = finder_question(finder);

	stop_asking(finder);
	uv_timer_stop(&cluster->watch);
	if (cluster->count == NODES_MAX)
		cluster->count = finder->source->address_count; /* room for the nodes that there are today */
	form.argc = 2;
	form.argv = command;
	*cluster->problem = '\0';
	uv_timer_start(&cluster->limit, on_limit, (uint64_t)finder_limit_ms(finder), 0);
	for (size_t i = 0; i < cluster->count; i++) {
		struct node *node = &cluster->nodes[i];

		node->has_named = false;
		node->question = finder_ask(finder, &form, &node->address, on_slots, node);
	}
}

/* Redirections */

/* ASK is never followed: at the other node a script would find a part of its keys. */
static enum refusal judge(struct finder *finder, const char *text)
{
	static const char *const passing[] = { "ASK ", "TRYAGAIN", "CLUSTERDOWN" };
	struct redis_address address;

	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		if (strncmp(text, passing[i], strlen(passing[i])) == 0)
			return REFUSAL_LATER;
	if (strncmp(text, "MOVED ", strlen("MOVED ")) != 0)
		return REFUSAL_FINAL;
	if (address_reply_moved(text, primary_last(finder->primary)->host, &address) == 0)
		primary_try_next(finder->primary, &address);
	return REFUSAL_MOVED;
}

/* Watching the slot */

static void on_watched(redisAsyncContext *context, void *data, void *ctx)
{
	struct cluster *cluster = ctx;
	struct connection *calls = primary_calls(cluster->base.primary);
	const redisReply *reply = data;

	(void)context;
	cluster->is_watched = false;
	if (reply && calls && connection_is_up(calls) && reply->type == REDIS_REPLY_ERROR &&
		judge(&cluster->base, reply->str) == REFUSAL_MOVED)
		connection_refuse(calls, reply->str);
}

static void on_watch(uv_timer_t *timer)
{
	struct cluster *cluster = cluster_of(timer->data);
	struct connection *calls = primary_calls(cluster->base.primary);
	const char *argv[] = { "EXISTS", cluster->base.source->guard.keys[0] };
	const size_t lengths[] = { strlen(argv[0]), strlen(argv[1]) };

	if (!cluster->is_watched && calls && connection_is_up(calls) &&
		connection_send(calls, on_watched, cluster, 2, argv, lengths) == 0)
		cluster->is_watched = true;
}

static void on_ready(struct finder *finder)
{
	uv_timer_start(&cluster_of(finder)->watch, on_watch, WATCH_MS, WATCH_MS);
}

/* The rest of the table */

static void start(struct finder *finder)
{
	struct cluster *cluster = cluster_of(finder);

	primary_timer_init(finder->primary, &cluster->limit);
	primary_timer_init(finder->primary, &cluster->watch);
}

static void close_all(struct finder *finder)
{
	struct cluster *cluster = cluster_of(finder);

	if (!cluster->limit.data)
		return;
	stop_asking(finder);
	primary_timer_close(&cluster->limit);
	primary_timer_close(&cluster->watch);
}

static void free_cluster(struct finder *finder)
{
	free(finder);
}

static void describe(const struct finder *finder, char text[FINDER_NAME_MAX])
{
	snprintf(text, FINDER_NAME_MAX, "the node of the namespace %.190s", finder->config->namespace_);
}

static const struct finder_ops ops = {
	.find = find,
	.stop = stop_asking,
	.start = start,
	.on_ready = on_ready,
	.judge = judge,
	.close = close_all,
	.free = free_cluster,
	.describe = describe,
	.checks_role = false,
};

struct finder *cluster_new(const struct finder *base)
{
	struct cluster *cluster = calloc(1, sizeof(*cluster));

	if (!cluster)
		return NULL;
	cluster->base = *base;
	cluster->base.ops = &ops;
	cluster->slot = slot_of(base->config->namespace_);
	for (size_t i = 0; i < base->source->address_count; i++)
		add_node(cluster, &base->source->addresses[i]);
	return &cluster->base;
}
