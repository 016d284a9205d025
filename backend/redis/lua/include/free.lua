-- The end of a holding.

-- Ends a holding and publishes an event of this kind. The DEL decides: a server that takes no writes
-- refuses it, so nobody may be notified earlier. If others wait, returns when the lease would have ended
-- (ms), and the caller must pass the lock on; else returns nil.
local function free(key, held, kind)
  local before = call('EXISTS', tickets_key(key)) == 1 and end_of(key) or nil

  call('DEL', lock_key(key), details_key(key))
  publish(kind, key, held)
  notify_holder('ENDED', key, held)
  notify_watchers('ENDED', key, held)
  follow_up(index_remove, key)
  if held.granted then follow_up(call, 'ZREM', ns .. '#g', key) end
  if held.revoked then notify(held.revoked, 'FREED', held.token, key) end
  return before
end
