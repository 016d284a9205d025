-- The queue of a lock: tickets join and leave.

-- An instance that waits counts as alive for 3 s after its last heartbeat or join. (A grant waits for its
-- confirmation for the `grace` of the instance, which depends on its distance.)
local ALIVE = 3000

-- Renews the sign of life of this instance. Returns 1 if it counted as alive, else 0: then it lost tickets.
local function renew_alive()
  -- PEXPIRE is allowed if the memory is full, and so are the writes after it.
  local was_alive = call('PEXPIRE', mount_key(mount), ALIVE)
  if was_alive == 0 then call('SET', mount_key(mount), '1', 'PX', ALIVE) end
  return was_alive
end

-- Puts a ticket into the queue by its order (0: behind all others). Returns its order.
local function join(key, wants, order)
  local known = call('ZSCORE', tickets_key(key), wants.nonce)
  if known then
    order = tonumber(known)
  else
    if order == 0 then
      local last = call('ZREVRANGE', tickets_key(key), 0, 0, 'WITHSCORES')
      order = math.max(now_us, last[2] and tonumber(last[2]) + 1 or 0)
    end
    call('HSET', wants_key(key), wants.nonce, cmsgpack.pack(wants))
    call('ZADD', tickets_key(key), integer(order), wants.nonce)
  end
  local left = call('PTTL', lock_key(key))
  keep_tickets(key, left >= 0 and now_ms + left or nil)
  return integer(order)
end

-- Takes a ticket out of the queue, which decides: what it wants means nothing without it. Returns whether it
-- was there.
local function leave(key, nonce)
  local was_there = call('ZREM', tickets_key(key), nonce) == 1
  follow_up(call, 'HDEL', wants_key(key), nonce)
  return was_there
end

-- Does nobody wait in front of this order? 0 is behind all.
local function is_first(key, order)
  local first = call('ZRANGEBYSCORE', tickets_key(key), '-inf', 'inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return #first == 0 or (order > 0 and order <= tonumber(first[2]))
end
