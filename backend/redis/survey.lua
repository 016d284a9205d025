-- ARGV: 4 cursor. One step over what is in the directory `path`. Locks whose lease will end are
-- told to the mount that asks, by its channel, so that they are in order with all that happens
-- to them afterwards; directories are answered with. Steps are short: locks are taken between
-- them. Answers: 'OK', the next cursor ('': there is none), directories. A cursor is as that of
-- list.lua. Where a right is missing, nothing is told.
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

for i = 1, #step[2], 2 do
  local key = prefix .. step[2][i]
  local left = step[2][i + 1] ~= 'inf' and call('PTTL', lock_key(key)) or -1
  local held = left > 0 and holding(key)
  if held and not held.foreign and not held.granted then
    -- By the clock that its beginning was told by, so that all mounts tell the same end.
    if not held.revoked then left = integer(held.refreshed + held.ttl - now_ms) end
    redis.pcall('PUBLISH', mount_key(mount),
      'HELD ' .. left .. ' ' .. event_text('ACQUIRED', key, held))
  end
end
return { 'OK', step[1] == '0' and '' or LOCKS .. step[1], {} }
