-- Releases a lock, for its holder or by force (revocation), and passes it on.
--
-- ARGV: 4 id, 5 identity, 6 token ('': any holding), 7 how:
--   ''   for the holder, who has to prove the claim
--   '1'  by force: the holder of a bound holding is asked to stop first
--   '2'  by force, after the grace that the answer EAGAIN gave
--   '3'  by the instance of the bound holding, after it told its holder
-- Answers: 'OK', token; 'EAGAIN', token, grace in ms: the holder was asked to stop; 'ENOENT': no such holding;
--   'EPERM': another's; 'EISDIR'

--- @include "include/names.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/index.lua"
--- @include "include/holding.lua"
--- @include "include/event.lua"
--- @include "include/message.lua"
--- @include "include/lease.lua"
--- @include "include/free.lua"

local id, identity, token, force = ARGV[4], ARGV[5], ARGV[6], ARGV[7]

-- The grace if the stored one is damaged: 0.5 s in ms, as GRACE_MIN_MS of round_trip.c.
local GRACE = 500

-- Asks the holder of a bound holding to stop. The lock becomes free when it has stopped, or when its grace is
-- over: even if nobody receives the message, because its instance may be reconnecting, and finds `revoked`
-- then. Returns the grace in ms, or nil if the holding is not bound.
local function revoke(held)
  if held.bound ~= '1' then return nil end
  local grace, left = number(held.grace, 1, GRACE_MAX) or GRACE, call('PTTL', KEYS[1])
  -- The write comes before the message, as in free().
  allow_when_full()
  call('HSET', details_key(path), 'revoked', mount)
  notify(held.mount, 'REVOKE', held.token, path)
  if left < 0 or left > grace then follow_up(set_lease_end, path, now_ms + grace) end
  return grace
end

local held = holding(path)
if not held and dir_exists(path) then return { 'EISDIR' } end
local meant = held and (token == '' or token == held.token)
-- Anybody can publish REVOKE, so this ends only a bound holding of the calling instance.
if force == '3' and not (meant and held.bound == '1' and held.mount == mount) then return { 'ENOENT' } end
if force ~= '' then
  local asks = force == '1' or (force == '2' and not (meant and held.revoked))
  local grace = meant and asks and revoke(held)
  if grace then return { 'EAGAIN', held.token, grace, trouble } end
  if not meant then
    if not held then publish('FORCE_RELEASED', path) end
    return { 'ENOENT', trouble }
  end
elseif not meant or not proves(id, identity, held) then
  publish('FAILED_RELEASE', path, held)
  return { meant and 'EPERM' or 'ENOENT', trouble }
end
local before = free(path, held, force ~= '' and 'FORCE_RELEASED' or 'RELEASED')
if not before then return { 'OK', held.token, trouble } end

--- @include "include/hold.lua"
--- @include "include/pass.lua"

-- Others wait for the lock.
follow_up(pass_on, path, before)
return { 'OK', held.token, trouble }
