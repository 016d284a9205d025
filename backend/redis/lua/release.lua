-- Releases a lock, for its holder or by force (revocation), and passes it on.
--
-- ARGV: 4 id, 5 identity, 6 token ('': any holding; by force: all), 7 how:
--   ''   for the holder, who has to prove the claim
--   '1'  by force: the holder of a bound holding is asked to stop first
--   '2'  by force, after the grace that the answer EAGAIN gave
--   '3'  by the instance of the bound holding, after it told its holder
--   8 with '2': the token of the answer EAGAIN: holdings that are newer stay; else ''
-- Answers: 'OK', token; 'EAGAIN', token, grace in ms: holders were asked to stop, or there were too many holdings for
--   one script (0 ms). The token is that of the holding, or one that is not smaller than those of all; 'ENOENT': no such
--   holding; 'EPERM': another's; 'EISDIR'

--- @include "include/names.lua"
--- @include "include/epoch.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/index.lua"
--- @include "include/holding.lua"
--- @include "include/event.lua"
--- @include "include/message.lua"
--- @include "include/lease.lua"
--- @include "include/shared.lua"
--- @include "include/free.lua"

local id, identity, token, force, newest = ARGV[4], ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])

if in_grace and (force == '1' or force == '2') then return answer_grace() end

-- The grace if the stored one is damaged: 0.5 s in ms, as GRACE_MIN_MS of round_trip.c.
local GRACE = 500

-- Shared holdings that one script ends by force at most.
local FORCED_MAX = 100

-- Asks the holder of a bound holding to stop. The lock becomes free when it has stopped, or when its grace is
-- over: even if nobody receives the message, because its instance may be reconnecting, and finds `revoked`
-- then. `last` is given if all holdings up to this token end. Returns the grace in ms, or nil if the holding is not bound.
local function revoke(held, last)
  if held.bound ~= '1' then return nil end
  local grace, left = number(held.grace, 1, GRACE_MAX) or GRACE, left_of(path, held)
  -- The write comes before the message, as in free().
  allow_when_full()
  set_details(path, held, 'revoked', mount, 'newest', last and integer(last) or '')
  notify(held.mount, 'REVOKE', held.token, path)
  if left < 0 or left > grace then follow_up(set_lease_end, path, held, now_ms + grace) end
  return grace
end

-- Is the holder asked to stop, rather than the holding ended?
local function is_asked(held) return force == '1' or (force == '2' and not held.revoked) end

local held = holding(path, meant_by(token, id, identity))
if not held and dir_exists(path) then return { 'EISDIR' } end
local ends_all = force ~= '' and token == '' and held and is_shared(held)
local meant = held and (token == '' or token == held.token) and not (newest and tonumber(held.token) > newest)
-- Anybody can publish REVOKE, so this ends only a bound holding of the calling instance.
if force == '3' and not (meant and held.bound == '1' and held.mount == mount) then return { 'ENOENT' } end
if force ~= '' and not ends_all then
  local grace = meant and is_asked(held) and revoke(held)
  if grace then return { 'EAGAIN', held.token, grace, trouble } end
  if not meant then
    if not held then publish('FORCE_RELEASED', path) end
    return { 'ENOENT', trouble }
  end
elseif not ends_all and (not meant or not proves(id, identity, held)) then
  publish('FAILED_RELEASE', path, held)
  return { meant and 'EPERM' or 'ENOENT', trouble }
end
local before, rest
if not ends_all then
  before, rest = free(path, held, force ~= '' and 'FORCE_RELEASED' or 'RELEASED')
  if not before then return { 'OK', held.token, trouble } end
end

--- @include "include/gone.lua"
--- @include "include/hold.lua"
--- @include "include/room.lua"
--- @include "include/forget.lua"
--- @include "include/queue.lua"
--- @include "include/pass.lua"

-- Others wait for the lock.
if not ends_all then
  follow_up(pass_on, path, rest, before)
  return { 'OK', held.token, trouble }
end

-- The tokens of the oldest holdings up to `last`, FORCED_MAX at most. NS#h decides if NS#o is damaged.
local function first_tokens(last)
  local tokens = {}
  for _, member in ipairs(call('ZRANGEBYLEX', order_key(path), '[t', '[t' .. integer(last), 'LIMIT', 0, FORCED_MAX)) do
    tokens[#tokens + 1] = string.sub(member, 2)
  end
  if #tokens > 0 then return tokens end
  return call('ZRANGEBYSCORE', leases_key(path), integer(now_ms), 'inf', 'LIMIT', 0, FORCED_MAX)
end

-- Ends one shared holding, or asks its holder to stop. Returns the grace then, else nil.
local function end_by_force(one, last)
  local grace = is_asked(one) and revoke(one, last)
  if grace then return grace end
  local waited
  waited, rest = free(path, one, 'FORCE_RELEASED')
  before = before or waited
  -- The answer names one token alone.
  if one.mount == mount then notify(mount, 'ENDED', one.token, path) end
end

-- All tokens up to now are not larger than the last one that was given.
local last = newest or number(call('GET', ns .. '#token'), 1, LAST_TOKEN) or LAST_TOKEN
local tokens = first_tokens(last)
local ended, longest
for _, one in ipairs(tokens) do
  local ends = live_end(path, one)
  if not ends then
    remove_ended(path, { one })
  elseif tonumber(one) <= last then
    local grace = end_by_force(shared_holding(path, one, ends), last)
    if grace then longest = math.max(longest or 0, grace) else ended = one end
  end
end
if before then follow_up(pass_on, path, rest, before) end
if not longest and #tokens == FORCED_MAX then longest = 0 end
if longest then return { 'EAGAIN', integer(last), longest, trouble } end
if not ended then return { 'ENOENT', trouble } end
return { 'OK', ended, trouble }
