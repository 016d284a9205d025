-- When a holding ends, and all that ends with it.

-- So long tickets stay behind a lock that nobody passed on, in ms.
local LEFTOVER = 10000

-- No mount is given longer to answer, in ms: GRACE_MAX_MS of reply_lock.h.
local GRACE_MAX = 5000

local function wants_key(key) return ns .. '#t:' .. key end

-- nil: it never ends.
local function set_expiry(of, expires_ms)
  if expires_ms then call('PEXPIREAT', of, integer(expires_ms)) else call('PERSIST', of) end
end

-- Tickets last as long as the lock that they wait for, whoever of the waiting lives.
local function keep_tickets(key, expires_ms)
  for _, companion in ipairs({ tickets_key(key), wants_key(key) }) do
    set_expiry(companion, expires_ms and expires_ms + LEFTOVER)
  end
end

-- The fields of a ticket, all text: what acquire.lua was given and keeps.
local WANTS = { 'id', 'identity', 'nonce', 'ttl', 'fallback', 'user', 'host', 'place', 'command', 'pid', 'uid', 'gid',
  'bound', 'grace', 'mount' }

-- What a ticket wants, or nil where that is not there or damaged.
local function wants_of(key, nonce)
  local packed = call('HGET', wants_key(key), nonce)
  local done, wants = pcall(cmsgpack.unpack, packed or '')
  if not done or type(wants) ~= 'table' or wants.nonce ~= nonce then return nil end
  for _, field in ipairs(WANTS) do
    if type(wants[field]) ~= 'string' then return nil end
  end
  if number(wants.grace, 1, GRACE_MAX) and number(wants.fallback, -1, LEASE_MAX) then return wants end
end

-- Who waits looks when the lease that it knows of ends. This one ends earlier, so the
-- first who can be told is.
local function hasten(key)
  for _, nonce in ipairs(call('ZRANGEBYSCORE', tickets_key(key), '-inf', 'inf', 'LIMIT', 0, 10)) do
    local wants = wants_of(key, nonce)
    if wants and tell(wants.mount, 'GRANT', nonce, key) > 0 then return end
  end
end

-- When a lease ends, in ms.
local function end_of(key)
  local left = call('PTTL', lock_key(key))
  return left < 0 and math.huge or now_ms + left
end

local function set_end_of_tickets(key, expires_ms, early)
  if call('EXISTS', tickets_key(key)) == 0 then return end
  keep_tickets(key, expires_ms)
  if early then hasten(key) end
end

-- Gives a lock another end (nil: none), which decides, and whatever lies beside it. `early`: it is
-- earlier than some know, as it is where it is moved to the front.
local function set_end(key, expires_ms, early)
  early = expires_ms and (early or expires_ms < end_of(key))
  set_expiry(lock_key(key), expires_ms)
  follow_up(set_expiry, details_key(key), expires_ms)
  follow_up(index_add, key, expires_ms)
  follow_up(set_end_of_tickets, key, expires_ms, early)
end
