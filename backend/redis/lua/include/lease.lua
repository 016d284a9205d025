-- The expiry of a holding and of the keys that expire with it.

-- Tickets outlive an expired lock that nobody passed on by 10 s.
local LEFTOVER = 10000

-- 5 s in ms, the longest grace of any instance, as GRACE_MAX_MS of reply_lock.h.
local GRACE_MAX = 5000

local function wants_key(key) return ns .. '#t:' .. key end

-- Sets the expiry of a key; nil: the key never expires.
local function set_expiry(of, expires_ms)
  if expires_ms then call('PEXPIREAT', of, integer(expires_ms)) else call('PERSIST', of) end
end

-- Makes the tickets of a lock last as long as the lock, whether their instances live or not.
local function keep_tickets(key, expires_ms)
  for _, companion in ipairs({ tickets_key(key), wants_key(key) }) do
    set_expiry(companion, expires_ms and expires_ms + LEFTOVER)
  end
end

-- 10 min in ms: tickets of a free key, which wait for room, outlive their last heartbeat by this.
local ROOM_WAIT = 600000

-- When the tickets of a key end unless they are kept, for keep_tickets().
local function end_of_tickets(key)
  local left = call('PTTL', lock_key(key))
  if left == -2 then return now_ms + ROOM_WAIT end
  return left >= 0 and now_ms + left or nil
end

-- The fields of a ticket, all text: what acquire.lua was given and keeps.
local WANTS = { 'id', 'identity', 'nonce', 'ttl', 'fallback', 'user', 'host', 'place', 'command', 'pid', 'uid', 'gid',
  'bound', 'grace', 'mount' }

-- What a ticket wants, or nil if that is missing or damaged.
local function wants_of(key, nonce)
  local packed = call('HGET', wants_key(key), nonce)
  local done, wants = pcall(cmsgpack.unpack, packed or '')
  if not done or type(wants) ~= 'table' or wants.nonce ~= nonce then return nil end
  for _, field in ipairs(WANTS) do
    if type(wants[field]) ~= 'string' then return nil end
  end
  if wants.replaces and not number(wants.replaces, 1, LAST_TOKEN) then return nil end
  if number(wants.grace, 1, GRACE_MAX) and number(wants.fallback, -1, LEASE_MAX) then return wants end
end

-- Notifies the first waiter that can be reached, because the lease ends earlier than it was told. Waiters
-- poll when the lease that they know of ends.
local function notify_first_waiter(key)
  for _, nonce in ipairs(call('ZRANGEBYSCORE', tickets_key(key), '-inf', 'inf', 'LIMIT', 0, 10)) do
    local wants = wants_of(key, nonce)
    if wants and notify(wants.mount, 'GRANT', nonce, key) > 0 then return end
  end
end

-- Notifies the first waiter for room, as notify_first_waiter() does.
local function notify_first_for_room(dir)
  local first = call('ZRANGEBYSCORE', room_key(dir), '-inf', 'inf', 'LIMIT', 0, 1)[1]
  if first then notify_first_waiter(dir == '' and first or dir .. '/' .. first) end
end

-- The time at which a lock ends, in ms.
local function end_of(key)
  local left = call('PTTL', lock_key(key))
  return left < 0 and math.huge or now_ms + left
end

local function set_end_of_tickets(key, expires_ms, early)
  if call('EXISTS', tickets_key(key), room_key(parent(key))) == 0 then return end
  keep_tickets(key, expires_ms)
  if not early then return end
  notify_first_waiter(key)
  notify_first_for_room(parent(key))
end

-- When the last holding of a shared lock ends in ms (math.huge: never); nil if there is none.
local function last_end(key)
  return tonumber(call('ZREVRANGE', leases_key(key), 0, 0, 'WITHSCORES')[2])
end

-- The time of an end for index_add() and set_expiry(): nil if it never comes.
local function time_of(ends) return ends ~= math.huge and ends or nil end

-- Sets the expiry of the keys that say who holds a shared lock.
local function set_companions_end(key, expires_ms)
  for _, companion in ipairs({ details_key(key), leases_key(key), holdings_key(key), order_key(key) }) do
    set_expiry(companion, expires_ms)
  end
end

local function set_shared_end(key, ends)
  set_companions_end(key, time_of(ends))
  set_expiry(lock_key(key), time_of(ends))
end

-- Sets when a shared holding ends, new or old. This decides, but a lock has to last for as long as its holdings: so it is
-- lengthened before, and shortened after. `write`, if given, changes details: no key may be written after its expiry was set,
-- as one with a very short lease may be gone by then, and would come back without an expiry. Returns when the last holding
-- ends now, and when it ended before.
local function put_lease(key, token, ends, write)
  local before = last_end(key) or 0
  if ends > before then set_expiry(lock_key(key), time_of(ends)) end
  call('ZADD', leases_key(key), ends == math.huge and 'inf' or integer(ends), token)
  if write then follow_up(write) end
  local last = ends < before and last_end(key) or ends
  if last ~= before then follow_up(set_shared_end, key, last) end
  return last, before
end

local function set_exclusive_end(key, expires_ms, early, write)
  early = expires_ms and (early or expires_ms < end_of(key))
  set_expiry(lock_key(key), expires_ms)
  if write then follow_up(write) end
  follow_up(set_expiry, details_key(key), expires_ms)
  follow_up(index_add, key, expires_ms)
  follow_up(set_end_of_tickets, key, expires_ms, early)
end

local function set_shared_holding_end(key, held, expires_ms, early, write)
  allow_when_full()
  held.ends = expires_ms or math.huge
  local last, before = put_lease(key, held.token, held.ends, write)
  follow_up(index_add, key, time_of(last))
  follow_up(set_end_of_tickets, key, time_of(last), early or last < before)
end

-- Sets when a holding ends (nil: never), which decides, and the expiry of the keys beside the lock. `early` is
-- true if waiters may know a later end. An end that is moved forward is always early. `write` changes details (put_lease()).
local function set_lease_end(key, held, expires_ms, early, write)
  if held.form then follow_up(note_form, key, expires_ms) end
  if is_shared(held) then return set_shared_holding_end(key, held, expires_ms, early, write) end
  set_exclusive_end(key, expires_ms, early, write)
end
