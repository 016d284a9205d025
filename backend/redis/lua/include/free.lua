-- The end of a holding.

-- Notifies the instance that revoked a holding. One that revoked all holdings up to a token waits for the last of them.
local function notify_revoker(key, held)
  local newest = number(held.newest, 1, LAST_TOKEN)
  if not newest then return notify(held.revoked, 'FREED', held.token, key) end
  local first = is_shared(held) and follow_up(oldest, key, 't')
  if not first or tonumber(first) > newest then notify(held.revoked, 'FREED', held.newest, key) end
end

-- Ends a holding and publishes an event of this kind. The DEL or ZREM decides: a server that takes no writes
-- refuses it, so nobody may be notified earlier. If others wait for the lock or for room, returns when the lock would have ended
-- (ms), and the caller must pass the lock on; else returns nil. Returns also what is left of the lock, for pass_on():
-- nil if it is free.
local function free(key, held, kind)
  local before = call('EXISTS', tickets_key(key), room_key(parent(key))) > 0 and end_of(key) or nil
  local rest

  if is_shared(held) then
    rest = end_shared(key, held) and { mode = 'shared' } or nil
  else
    call('DEL', lock_key(key), details_key(key))
  end
  publish(kind, key, held)
  notify_holder('ENDED', key, held)
  notify_watchers('ENDED', key, held)
  if not rest then follow_up(index_remove, key) end
  if held.granted and not rest then follow_up(call, 'ZREM', ns .. '#g', key) end
  if held.revoked then notify_revoker(key, held) end
  return before, rest
end
