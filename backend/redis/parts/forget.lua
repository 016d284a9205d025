-- What another client has deleted by force is still in the index, but not held: it goes
-- now, where whoever asks may write, and its holder is told, as hold() would.
local function forget(key)
  local before = call('HMGET', details_key(key), 'mount', 'token')
  if type(redis.pcall('DEL', details_key(key))) ~= 'number' then return end
  follow_up(index_remove, key)
  if number(before[2], 1, LAST_TOKEN) then tell(before[1], 'GONE', before[2], key) end
end
