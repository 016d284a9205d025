-- When a holding ends, and all that ends with it.

-- So long tickets stay behind a lock that nobody passed on, in ms.
local LEFTOVER = 10000

local function wants_key(key) return ns .. '#t:' .. key end

-- Tickets last as long as the lock that they wait for, whoever of the waiting lives.
local function keep_tickets(key, expires_ms)
  for _, companion in ipairs({ tickets_key(key), wants_key(key) }) do
    if expires_ms then
      call('PEXPIREAT', companion, integer(expires_ms + LEFTOVER))
    else
      call('PERSIST', companion)
    end
  end
end

-- Who waits looks when the lease that it knows of ends. This one ends earlier, so the
-- first who can be told is.
local function hasten(key)
  for _, nonce in ipairs(call('ZRANGEBYSCORE', tickets_key(key), '-inf', 'inf', 'LIMIT', 0, 10)) do
    local packed = call('HGET', wants_key(key), nonce)
    if packed and tell(cmsgpack.unpack(packed).mount, 'GRANT', nonce, key) > 0 then return end
  end
end

-- When a lease ends, in ms.
local function end_of(key)
  local left = call('PTTL', lock_key(key))
  return left < 0 and math.huge or now_ms + left
end

-- Gives a lock another end (nil: none), and whatever lies beside it. `early`: it is
-- earlier than some know, as it is where it is moved to the front.
local function set_end(key, expires_ms, early)
  early = expires_ms and (early or expires_ms < end_of(key))
  for _, part in ipairs({ lock_key(key), details_key(key) }) do
    if expires_ms then call('PEXPIREAT', part, integer(expires_ms)) else call('PERSIST', part) end
  end
  index_add(key, expires_ms)
  if call('EXISTS', tickets_key(key)) == 1 then
    keep_tickets(key, expires_ms)
    if early then hasten(key) end
  end
end
