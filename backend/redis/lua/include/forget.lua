-- Locks that another Redis client deleted: their details and index entries are still there.

-- Removes what is left of such a lock and sends GONE to its holders, as hold() does. Returns the error
-- if the server refuses to write.
local function forget(key)
  local before = call('HMGET', details_key(key), 'mount', 'token', 'shared')
  local holdings = follow_up(deleted_holdings, key, { mount = before[1], token = before[2], shared = before[3] })
  local problem = try(delete_details, key)
  if problem then return problem end
  follow_up(index_remove, key)
  notify_gone(key, holdings or {})
end
