-- Handing a lock over.

-- Keys that heartbeat.lua is to pass on where nobody has them then, by the time of that.
local function look_at(key, when_ms)
  call('ZADD', ns .. '#g', integer(when_ms), key)
  call('PEXPIRE', ns .. '#g', 60000)
end

-- Tickets of dead mounts that one script drops, at the most.
local dead_left = 500

-- What is known of a lock that was handed over.
local function note_grant(key, wants, new, before)
  local ttl = tonumber(new.ttl)
  if before and ttl > 0 and before > now_ms + ttl then call('HSET', details_key(key), 'early', '1') end
  keep_tickets(key, new.expires)
  -- It says something before that, or it is taken for dead: no second one need wait for it.
  call('PEXPIRE', mount_key(wants.mount), wants.grace)
  look_at(key, new.expires)
end

-- Hands a key that is free to the first who waits for it and lives. Who does not, or wants what is
-- damaged, is dropped: it comes back by itself, in its old order, if it was only out of reach.
-- Where very many are, whoever looks next goes on.
-- `before`: when the lease that was there would have ended.
local function pass_on(key, before)
  while true do
    local first = call('ZPOPMIN', tickets_key(key))
    if #first == 0 then return end
    local nonce = first[1]
    local wants = follow_up(wants_of, key, nonce)
    follow_up(call, 'HDEL', wants_key(key), nonce)
    if wants and call('EXISTS', mount_key(wants.mount)) == 1 and tell(wants.mount, 'GRANT', nonce, key) > 0 then
      -- Its directory may be gone since: then it finds so by itself.
      if check_parent(key) ~= 'OK' then return end
      local new, problem = hold(key, wants, true)
      if new then follow_up(note_grant, key, wants, new, before) end
      trouble = trouble or problem
      return
    end
    dead_left = dead_left - 1
    if dead_left <= 0 then
      follow_up(look_at, key, now_ms)
      return
    end
  end
end

-- The mount that a lock was handed to has taken it: its lease begins, which decides. Until then
-- it lasts for the grace, whatever fails.
local function confirm(key, held)
  local ttl = lease(held.ttl)
  held.acquired, held.refreshed = integer(now_ms), integer(now_ms)
  call('HDEL', details_key(key), 'granted', 'early')
  call('HSET', details_key(key), 'acquired', held.acquired, 'refreshed', held.refreshed)
  -- What lease it wanted is not known where that is damaged: then it keeps the one it has.
  if ttl then set_end(key, ttl > 0 and now_ms + ttl or nil, held.early) end
  follow_up(call, 'ZREM', ns .. '#g', key)
  publish('ACQUIRED', key, held)
end
