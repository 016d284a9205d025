/* Notes what becomes known of the server. */
#include "backend/redis/status/server_record.h"

#include <stdio.h>
#include <string.h>

#include "backend/util/clock.h"

#define PROCESS_SHOWN 8 /* characters of a run_id in a log line; two servers that agree in them are not met */

static int64_t now_ms(void)
{
	return epoch_ns() / NS_PER_MS;
}

void server_record_init(struct server_record *record)
{
	*record = (struct server_record){
		.connected_since_ms = STATUS_UNKNOWN,
		.away_since_ms = STATUS_UNKNOWN,
		.last_loss_ms = STATUS_UNKNOWN,
		.round_trip_ns = STATUS_UNKNOWN,
		.clock_difference_ms = STATUS_UNKNOWN,
	};
}

/* `Redis 7.0.15 (process 8f37b045)`. */
static void print_identity(const struct server_identity *identity, char text[SERVER_WORD_MAX])
{
	snprintf(text, SERVER_WORD_MAX, "%.6s %.16s (process %.*s)", identity->product, identity->version, PROCESS_SHOWN, identity->run_id);
}

/* Two addresses are cut off, so that the line has room for both. */
static void print_change(const struct server_identity *before, const struct server_identity *now, char line[BACKEND_PROBLEM_MAX])
{
	char was[SERVER_WORD_MAX], is[SERVER_WORD_MAX];

	print_identity(before, was);
	print_identity(now, is);
	if (strcmp(before->name, now->name) == 0)
		snprintf(line, BACKEND_PROBLEM_MAX, "%.110s: another server answers, %s, and no longer %s", now->name, is, was);
	else
		snprintf(line, BACKEND_PROBLEM_MAX, "%.55s: another server answers, %s, and no longer %.55s: %s", now->name, is, before->name,
			was);
}

bool server_record_up(struct server_record *record, const char *name, const struct server_info *info,
                      char line[BACKEND_PROBLEM_MAX])
{
	struct server_identity before = record->identity;
	struct server_identity *now = &record->identity;
	bool is_other = *before.run_id && *info->run_id && strcmp(before.run_id, info->run_id) != 0;

	record->up = true;
	record->connected_since_ms = now_ms();
	snprintf(now->name, sizeof(now->name), "%s", name);
	if (*info->run_id) {
		now->product = info->product;
		memcpy(now->version, info->version, sizeof(now->version));
		memcpy(now->run_id, info->run_id, sizeof(now->run_id));
	}
	if (!is_other)
		return false;
	record->failovers++;
	print_change(&before, now, line);
	return true;
}

void server_record_down(struct server_record *record, const char *problem)
{
	if (record->up) {
		record->up = false;
		record->away_since_ms = now_ms();
		record->last_loss_ms = record->away_since_ms;
		snprintf(record->last_loss_cause, sizeof(record->last_loss_cause), "%s", problem);
	}
	snprintf(record->away_cause, sizeof(record->away_cause), "%s", problem);
}

/* The server read its clock about in the middle of the time that the question took. */
static int64_t clock_difference_ms(int64_t server_us, int64_t took_ns)
{
	return (server_us - (epoch_ns() - took_ns / 2) / 1000) / 1000;
}

void server_record_learn(struct server_record *record, const struct server_reply *reply, const struct server_settings *settings,
                         int64_t took_ns)
{
	record->info = reply->info;
	record->settings = *settings;
	record->has_info = true;
	record->round_trip_ns = took_ns;
	record->clock_difference_ms = clock_difference_ms(reply->time_us, took_ns);
}

static enum persistence persistence_of(const struct server_record *record)
{
	if (!record->has_info || record->info.appends < 0)
		return PERSISTENCE_UNKNOWN;
	if (record->info.appends)
		return record->settings.log;
	if (!record->settings.has_save)
		return PERSISTENCE_UNKNOWN;
	return record->settings.makes_snapshots ? PERSISTENCE_SNAPSHOTS : PERSISTENCE_NONE;
}

static enum eviction eviction_of(const struct server_record *record)
{
	if (!record->has_info || !*record->info.policy)
		return EVICTION_UNKNOWN;
	return strcmp(record->info.policy, "noeviction") == 0 ? EVICTION_NEVER : EVICTION_OF_KEYS;
}

/* A replica has replicas of its own, which say nothing about the primary. */
static int64_t replicas_in_sync(const struct server_record *record)
{
	bool is_known = record->has_info && record->info.role == ROLE_PRIMARY && record->info.replicas_in_sync >= 0;

	return is_known ? record->info.replicas_in_sync : STATUS_UNKNOWN;
}

struct promise_facts server_record_facts(const struct server_record *record)
{
	return (struct promise_facts){
		.persistence = persistence_of(record),
		.eviction = eviction_of(record),
		.reclaims = record->reclaims,
		.replicas = replicas_in_sync(record),
		.replicas_asked = record->replicas_asked,
	};
}

static const char *role_word(const struct server_record *record)
{
	static const char *const words[] = { [ROLE_PRIMARY] = "primary", [ROLE_REPLICA] = "replica" };

	return record->has_info ? words[record->info.role] : NULL;
}

static int64_t memory_left(const struct server_record *record)
{
	int64_t most = record->info.memory_most, used = record->info.memory_used;

	if (!record->has_info || most < 0 || used < 0)
		return STATUS_UNKNOWN;
	if (most == 0)
		return STATUS_UNLIMITED;
	return used < most ? most - used : 0;
}

static const char *text_or_null(const char *text)
{
	return *text ? text : NULL;
}

void server_record_fill(const struct server_record *record, struct backend_status *ret)
{
	struct promise_facts facts = server_record_facts(record);

	*ret = (struct backend_status){
		.up = record->up,
		.away_since_ms = record->away_since_ms,
		.away_cause = text_or_null(record->away_cause),
		.server = record->identity.product,
		.server_version = text_or_null(record->identity.version),
		.process = text_or_null(record->identity.run_id),
		.role = role_word(record),
		.replicas_in_sync = facts.replicas,
		.replicas_asked = record->replicas_asked,
		.persistence = persistence_word(facts.persistence),
		.eviction_policy = record->has_info ? text_or_null(record->info.policy) : NULL,
		.memory_left = memory_left(record),
		.round_trip_ns = record->round_trip_ns,
		.clock_difference_ms = record->clock_difference_ms,
		.connected_since_ms = record->connected_since_ms,
		.last_loss_ms = record->last_loss_ms,
		.last_loss_cause = text_or_null(record->last_loss_cause),
	};
	for (enum risk risk = 0; risk < RISK_COUNT; risk++)
		ret->promises[risk] = promise_of(&facts, risk);
}
