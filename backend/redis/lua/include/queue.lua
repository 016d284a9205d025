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

-- The highest score of a sorted set of orders, or 0.
local function last_order(of) return tonumber(call('ZREVRANGE', of, 0, 0, 'WITHSCORES')[2] or 0) end

-- Puts a ticket into the queue by its order (0: behind all others, and if it waits `for_room`, behind all who do;
-- CONVERSION: in front). Returns its order.
local function join(key, wants, order, for_room)
  local known = call('ZSCORE', tickets_key(key), wants.nonce)
  if known then
    order = tonumber(known)
  else
    if order == 0 then
      order = math.max(now_us, last_order(tickets_key(key)) + 1)
      if for_room then order = math.max(order, last_order(room_key(parent(key))) + 1) end
    end
    call('HSET', wants_key(key), wants.nonce, cmsgpack.pack(wants))
    call('ZADD', tickets_key(key), integer(order), wants.nonce)
  end
  keep_tickets(key, end_of_tickets(key))
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

-- Has a key that is free its tickets wait for room by the order of the first one. Returns false if it has none.
local function enter_room(key)
  local first = call('ZRANGEBYSCORE', tickets_key(key), '-inf', 'inf', 'WITHSCORES', 'LIMIT', 0, 1)
  allow_when_full()
  if #first == 0 then
    call('ZREM', room_key(parent(key)), name(key))
    return false
  end
  call('ZADD', room_key(parent(key)), first[2], name(key))
  call('PEXPIRE', room_key(parent(key)), ROOM_WAIT)
  return true
end

-- The place of a ticket among all that it waits for; nil: it is in no queue.
local function rank_of(key, held, nonce)
  local rank = call('ZRANK', tickets_key(key), nonce)
  if not rank or held then return rank or nil end
  return rank + (call('ZRANK', room_key(parent(key)), name(key)) or 0)
end

-- What is left until the first lock of a directory ends, as PTTL answers it.
local function left_for_room(dir)
  local ends = call('ZRANGEBYSCORE', index_key(dir), integer(now_ms), 'inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
  if not ends then return -2 end
  return ends == 'inf' and -1 or math.max(0, tonumber(ends) - now_ms)
end

-- What is left in ms, as PTTL answers it, until waiters can go on if nobody releases a lock: a conversion when
-- the holdings of the others have ended, those who wait for room when any lock there has ended, others when the lock has ended.
local function left_for_waiters(key, held)
  if not held and in_grace then return left_of_grace() end
  if not held and limit_of(parent(key)) then return left_for_room(parent(key)) end
  local _, wants = nil, nil
  if held and is_shared(held) then _, wants = waiting_conversion(key) end
  if wants then
    local last = call('ZREVRANGE', leases_key(key), 0, 1, 'WITHSCORES')
    local ends = tonumber(last[last[1] == wants.replaces and 4 or 2])
    if ends then return ends == math.huge and -1 or math.max(0, ends - now_ms) end
  end
  return call('PTTL', lock_key(key))
end

-- Waiters for room, of which each has a key of its own, that poll when a lock ends: the first ones. The first one of all is
-- notified of locks that come (note_grant()), and every heartbeat about a key of the directory serves them all.
local POLLERS_MAX = 20

-- What waiters need to know of a key, as read_key_state() of reply_wait.c reads it: left_for_waiters(), rank_of() (-1: none), and
-- 1 if another Redis client holds it, else 0.
local function state_for_waiters(key, held, nonce)
  local rank = rank_of(key, held, nonce) or -1
  local left = not held and rank >= POLLERS_MAX and -1 or left_for_waiters(key, held)
  return left, rank, held and held.foreign and 1 or 0
end
