-- Passing a free lock on to the first waiter.

-- Has heartbeat.lua pass a key on if it is free at this time.
local function pass_on_later(key, when_ms)
  call('ZADD', ns .. '#g', integer(when_ms), key)
  call('PEXPIRE', ns .. '#g', 60000)
end

-- Tickets of dead instances that one script may still drop.
local dead_tickets_left = 500

-- Notes what follows from a grant.
local function note_grant(key, wants, new, before)
  local ttl = tonumber(new.ttl)
  if before and ttl > 0 and before > now_ms + ttl then call('HSET', details_key(key), 'early', '1') end
  keep_tickets(key, new.expires)
  -- An instance that does not confirm within its grace counts as dead: no second grant waits for it.
  call('PEXPIRE', mount_key(wants.mount), wants.grace)
  pass_on_later(key, new.expires)
end

-- Grants a free key to the first ticket whose instance lives. Tickets of dead instances and damaged ones are
-- dropped; an instance that was only out of reach joins again in its old order. If there are very many of
-- them, the next heartbeat continues. `before` is the time at which the ended lease would have ended.
local function pass_on(key, before)
  while true do
    local first = call('ZPOPMIN', tickets_key(key))
    if #first == 0 then return end
    local nonce = first[1]
    local wants = follow_up(wants_of, key, nonce)
    follow_up(call, 'HDEL', wants_key(key), nonce)
    if wants and call('EXISTS', mount_key(wants.mount)) == 1 and notify(wants.mount, 'GRANT', nonce, key) > 0 then
      -- The directory may have been removed: the waiter finds that out when it asks again.
      if check_parent(key) ~= 'OK' then return end
      local new, problem = hold(key, wants, true)
      if new then follow_up(note_grant, key, wants, new, before) end
      trouble = trouble or problem
      return
    end
    dead_tickets_left = dead_tickets_left - 1
    if dead_tickets_left <= 0 then
      follow_up(pass_on_later, key, now_ms)
      return
    end
  end
end

-- Confirms a grant: the lease begins. Until the expiry is set, which decides, the holding lasts for the
-- grace, whatever fails.
local function confirm(key, held)
  local ttl = lease(held.ttl)
  held.acquired, held.refreshed = integer(now_ms), integer(now_ms)
  call('HDEL', details_key(key), 'granted', 'early')
  call('HSET', details_key(key), 'acquired', held.acquired, 'refreshed', held.refreshed)
  -- If the stored lease is damaged, the holding keeps the end that it has.
  if ttl then set_lease_end(key, ttl > 0 and now_ms + ttl or nil, held.early) end
  follow_up(call, 'ZREM', ns .. '#g', key)
  publish('ACQUIRED', key, held)
end
