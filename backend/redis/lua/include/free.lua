-- Ends a holding, and tells so as an event of this kind. A server that takes no writes, as
-- its disk is full for instance, refuses the first of them, and must not have told anybody
-- then. That write decides. Answers where others wait, so that it is to be passed on: when the
-- lease would have ended.
local function free(key, held, kind)
  local before = call('EXISTS', tickets_key(key)) == 1 and end_of(key) or nil

  call('DEL', lock_key(key), details_key(key))
  publish(kind, key, held)
  tell_holder('ENDED', key, held)
  tell_watchers('ENDED', key, held)
  follow_up(index_remove, key)
  if held.granted then follow_up(call, 'ZREM', ns .. '#g', key) end
  if held.revoked then tell(held.revoked, 'FREED', held.token, key) end
  return before
end
