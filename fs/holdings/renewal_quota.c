/*
 * Counts how many renewals a minute the bound holdings of a user cost. Each renewal is a
 * call to the backend, so a short lease costs more of the user's quota than a long one.
 */
#include "backend/util/quota.h"
#include "fs/holdings/holding_internal.h"
#include "fs/holdings/renewal.h"
#include "lockfs/duration.h"

/* Rounds up, so the longest lease counts as one renewal a minute. */
static size_t renewals_a_minute(int64_t ttl_ms)
{
	const int64_t minute_ms = 60000;

	if (ttl_ms == LEASE_NEVER)
		return 0;
	return (size_t)((minute_ms * RENEW_PART + ttl_ms - 1) / ttl_ms);
}

/* May this user have `more` renewals a minute? */
static int admits(struct holdings *holdings, uid_t uid, size_t more)
{
	int err = quota_take(&holdings->renewals_quota, uid, more);

	if (err == 0)
		quota_give(&holdings->renewals_quota, uid, more);
	return err;
}

int renewals_admits(struct holdings *holdings, uid_t uid, int64_t ttl_ms)
{
	return admits(holdings, uid, renewals_a_minute(ttl_ms));
}

int renewal_admits(struct renewal *renewal, int64_t ttl_ms)
{
	size_t count = renewals_a_minute(ttl_ms);

	return count > renewal->counted ? admits(renewal->holding->holdings, renewal->uid, count - renewal->counted) : 0;
}

void renewal_quota_give(struct renewal *renewal)
{
	quota_give(&renewal->holding->holdings->renewals_quota, renewal->uid, renewal->counted);
	renewal->counted = 0;
}

int renewal_quota_take(struct renewal *renewal, int64_t ttl_ms)
{
	struct quota *quota = &renewal->holding->holdings->renewals_quota;
	size_t count = renewals_a_minute(ttl_ms);
	int err = count > renewal->counted ? quota_take(quota, renewal->uid, count - renewal->counted) : 0;

	if (err < 0)
		return err;
	if (count < renewal->counted)
		quota_give(quota, renewal->uid, renewal->counted - count);
	renewal->counted = count;
	return 0;
}
