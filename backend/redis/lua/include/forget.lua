-- What another client has deleted by force is still in the index, but not held: it goes
-- now, where whoever asks may write, and its holder is told, as hold() would.
-- Answers with the error where the server refuses that.
local function forget(key)
  local before = call('HMGET', details_key(key), 'mount', 'token')
  local gone = redis.pcall('DEL', details_key(key))
  if type(gone) ~= 'number' then return gone end
  follow_up(index_remove, key)
  if number(before[2], 1, LAST_TOKEN) then tell(before[1], 'GONE', before[2], key) end
end
