-- Handing a lock over.

-- Keys that look.lua is to pass on where nobody has them then, by the time of that.
local function look_at(key, when_ms)
  call('ZADD', ns .. '#g', integer(when_ms), key)
  call('PEXPIRE', ns .. '#g', 60000)
end

-- Tickets of dead mounts that one script drops, at the most.
local dead_left = 500

-- Hands a key that is free to the first who waits for it and lives. Who does not is
-- dropped: it comes back by itself, in its old order, if it was only out of reach.
-- Where very many are, whoever looks next goes on.
-- `before`: when the lease that was there would have ended.
local function pass_on(key, before)
  while true do
    local first = call('ZPOPMIN', tickets_key(key))
    if #first == 0 then return end
    local nonce = first[1]
    local packed = call('HGET', wants_key(key), nonce)
    local wants = packed and cmsgpack.unpack(packed)
    call('HDEL', wants_key(key), nonce)
    if wants and call('EXISTS', mount_key(wants.mount)) == 1 and tell(wants.mount, 'GRANT', nonce, key) > 0 then
      -- Its directory may be gone since: then it finds so by itself.
      if check_parent(key) ~= 'OK' then return end
      local new = hold(key, wants, true)
      local ttl = tonumber(new.ttl)
      if before and ttl > 0 and before > now_ms + ttl then call('HSET', details_key(key), 'early', '1') end
      keep_tickets(key, new.expires)
      -- It says something before that, or it is taken for dead: no second one need wait for it.
      call('PEXPIRE', mount_key(wants.mount), wants.grace)
      look_at(key, new.expires)
      return
    end
    dead_left = dead_left - 1
    if dead_left <= 0 then
      look_at(key, now_ms)
      return
    end
  end
end

-- The mount that a lock was handed to has taken it: its lease begins.
local function confirm(key, held)
  local ttl = tonumber(held.ttl)
  held.acquired, held.refreshed = integer(now_ms), integer(now_ms)
  call('HDEL', details_key(key), 'granted', 'early')
  call('HSET', details_key(key), 'acquired', held.acquired, 'refreshed', held.refreshed)
  call('ZREM', ns .. '#g', key)
  set_end(key, ttl > 0 and now_ms + ttl or nil, held.early)
  publish('ACQUIRED', key, held)
end
