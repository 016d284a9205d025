-- Publishes the leases in the directory `path` that began before the caller listened, one page at a time.
-- They go to the channel of the calling instance, so that they are in order with later messages about these
-- locks. Pages are small, because nobody can acquire a lock while a script runs.
--
-- ARGV: 4 cursor, as that of list.lua
-- Answers: 'OK', the next cursor ('' after the last page), subdirectories. If a right is missing, the answer
--   is empty and nothing is published.

--- @include "include/names.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/holding.lua"
--- @include "include/event.lua"

local DIRS, LOCKS = 'd', 'l'
local phase, at = string.match(ARGV[4], '^(.)(.*)$')
local prefix = path == '' and '' or path .. '/'

if phase == DIRS then
  local step = redis.pcall('SSCAN', subdirs_key(path), at, 'COUNT', 50)
  if step.err then return { 'OK', LOCKS .. '0', {} } end
  return { 'OK', step[1] == '0' and LOCKS .. '0' or DIRS .. step[1], step[2] }
end

local step = redis.pcall('ZSCAN', index_key(path), at, 'COUNT', 50)
if step.err then return { 'OK', '', {} } end

-- Shared holdings of one lock that are published at most.
local SHARED_MAX = 1000

local function publish_holding(key, held)
  local left = left_of(key, held)
  if left <= 0 or held.foreign or held.granted then return end
  -- Computed from `refreshed`, which the event carried too, so that all instances report one end.
  if not held.revoked then left = integer(held.refreshed + held.ttl - now_ms) end
  call('PUBLISH', mount_key(mount), 'HELD ' .. left .. ' ' .. event_text('ACQUIRED', key, held))
end

local function publish_held(key)
  local held = holding(key)
  if not held then return end
  if not is_shared(held) then return publish_holding(key, held) end
  local leases = call('ZRANGEBYSCORE', leases_key(key), integer(now_ms), '(inf', 'WITHSCORES', 'LIMIT', 0, SHARED_MAX)
  for i = 1, #leases, 2 do pcall(publish_holding, key, shared_holding(key, leases[i], tonumber(leases[i + 1]))) end
end

-- A damaged lock does not keep the others from being published.
for i = 1, #step[2], 2 do pcall(publish_held, prefix .. step[2][i]) end
return { 'OK', step[1] == '0' and '' or LOCKS .. step[1], {} }
