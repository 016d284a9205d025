-- The set of holdings of a shared lock.

-- Holdings that have ended and that one script removes at most.
local ENDED_MAX = 100

-- The members of NS#o by which a holding is found. A claim does not prove a grant that is not confirmed.
local function members_of(held)
  local members = { 't' .. held.token }
  if held.nonce then members[2] = 'n' .. held.nonce .. '\0' .. held.token end
  if held.id and not held.granted then members[#members + 1] = 'i' .. held.id .. '\0' .. held.token end
  if held.identity and not held.granted then members[#members + 1] = 'I' .. held.identity .. '\0' .. held.token end
  return members
end

local function add_members(key, held)
  local scored = {}
  for i, member in ipairs(members_of(held)) do scored[2 * i - 1], scored[2 * i] = 0, member end
  call('ZADD', order_key(key), unpack(scored))
end

-- Writes what means nothing without a lease in NS#h.
local function put_details(key, held)
  store_shared(key, held)
  add_members(key, held)
end

-- Removes what means nothing without a lease in NS#h.
local function remove_details(key, held)
  held.granted = nil
  call('ZREM', order_key(key), unpack(members_of(held)))
  call('HDEL', holdings_key(key), held.token)
end

-- Removes holdings that have ended: these, or some.
local function remove_ended(key, tokens)
  tokens = tokens or call('ZRANGEBYSCORE', leases_key(key), '-inf', '(' .. integer(now_ms), 'LIMIT', 0, ENDED_MAX)
  if #tokens == 0 then return end
  for _, token in ipairs(tokens) do remove_details(key, shared_holding(key, token)) end
  call('ZREM', leases_key(key), unpack(tokens))
end

-- Ends a shared holding. Returns whether others are left. If not, the lock ends with it.
local function end_shared(key, held)
  if count_shared(key) <= 1 then
    call('DEL', lock_key(key), details_key(key), leases_key(key), holdings_key(key), order_key(key))
    return false
  end
  local before = last_end(key)
  call('ZREM', leases_key(key), held.token)
  follow_up(remove_details, key, held)
  follow_up(remove_ended, key)
  local last = last_end(key)
  if last < before then
    follow_up(set_shared_end, key, last)
    follow_up(index_add, key, time_of(last))
    follow_up(set_end_of_tickets, key, time_of(last), true)
  end
  return true
end
