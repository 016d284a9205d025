-- ARGV: 4 cursor. One step over what is in the directory `path`. Locks whose lease will end are
-- told to the mount that asks, by its channel, so that they are in order with all that happens
-- to them afterwards; directories are answered with. Steps are short: locks are taken between
-- them. Answers: 'OK', the next cursor ('': there is none), directories. A cursor is as that of
-- list.lua. Where a right is missing, nothing is told.

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

local function tell_held(key, ends)
  local left = ends and call('PTTL', lock_key(key)) or -1
  local held = left > 0 and holding(key)
  if not held or held.foreign or held.granted then return end
  -- By the clock that its beginning was told by, so that all mounts tell the same end.
  if not held.revoked then left = integer(held.refreshed + held.ttl - now_ms) end
  call('PUBLISH', mount_key(mount), 'HELD ' .. left .. ' ' .. event_text('ACQUIRED', key, held))
end

-- A lock that is damaged says nothing of the others.
for i = 1, #step[2], 2 do pcall(tell_held, prefix .. step[2][i], step[2][i + 1] ~= 'inf') end
return { 'OK', step[1] == '0' and '' or LOCKS .. step[1], {} }
