-- The queue of a lock: tickets join and leave, and who may have the lock.

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

-- The order of a conversion that waits: in front of all others, whose orders are times. There is one at most.
local CONVERSION = 1

-- Puts a ticket into the queue by its order (0: behind all others; CONVERSION: in front). Returns its order.
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

-- Does the lock as it is now exclude what is wanted? `held` is one of its holdings, or nil if it is free. A conversion replaces
-- a holding, which must exist.
local function excludes(key, held, wants)
  if not held then return false end
  if wants.mode == 'shared' then return not wants.replaces and not is_shared(held) end
  if wants.replaces then return is_shared(held) and count_shared(key) > 1 end
  return true
end

-- May the claim of `wants` have the lock now? This alone decides about that. `order` is that of its ticket (0: none yet); nil:
-- the ticket is the first one.
local function may_have(key, held, wants, order)
  return not excludes(key, held, wants) and (not order or wants.replaces or is_first(key, order))
end

-- The ticket of the conversion that waits and what it wants, or nil.
local function waiting_conversion(key)
  local nonce = call('ZRANGEBYSCORE', tickets_key(key), '-inf', CONVERSION, 'LIMIT', 0, 1)[1]
  return nonce, nonce and wants_of(key, nonce)
end

-- What is left in ms, as PTTL answers it, until waiters can go on if nobody releases the lock: a conversion when
-- the holdings of the others have ended, others when the lock has ended.
local function left_for_waiters(key, held)
  local _, wants = nil, nil
  if held and is_shared(held) then _, wants = waiting_conversion(key) end
  if wants then
    local last = call('ZREVRANGE', leases_key(key), 0, 1, 'WITHSCORES')
    local ends = tonumber(last[last[1] == wants.replaces and 4 or 2])
    if ends then return ends == math.huge and -1 or math.max(0, ends - now_ms) end
  end
  return call('PTTL', lock_key(key))
end
