-- Locks that another Redis client deleted: their details and index entries are still there.

-- Removes what is left of such a lock and sends GONE to its holder, as hold() does. Returns the error
-- if the server refuses to write.
local function forget(key)
  local before = call('HMGET', details_key(key), 'mount', 'token')
  local gone = redis.pcall('DEL', details_key(key))
  if type(gone) ~= 'number' then return gone end
  follow_up(index_remove, key)
  if number(before[2], 1, LAST_TOKEN) then notify(before[1], 'GONE', before[2], key) end
end
