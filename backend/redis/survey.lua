-- ARGV: 4 cursor. One step over the locks of the directory `path`: those whose lease
-- will end are told to the mount that asks, by its channel, so that they are in order
-- with all that happens to them afterwards. Steps are short: locks are taken between
-- them. Answers: 'OK', the next cursor, and with the first step the directories in it.
-- Where a right is missing, nothing is told.
local prefix = path == '' and '' or path .. '/'
local step = redis.pcall('ZSCAN', index_key(path), ARGV[4], 'COUNT', 50)
if step.err then return { 'OK', '0', {} } end

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
return { 'OK', step[1], ARGV[4] == '0' and call('SMEMBERS', subdirs_key(path)) or {} }
