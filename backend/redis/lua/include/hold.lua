-- Acquiring a lock that is free.

-- The lease of an acquisition in ms; -1: never ends. `wants` has the fields of acquire.lua.
local function wanted_ttl(key, wants)
  return lease(wants.ttl) or default_ttl(parent(key)) or lease(wants.fallback) or -1
end

-- A fencing token larger than all before it. The clock keeps it so even if NS#token was lost or damaged.
local function next_token()
  local token = integer(now_us)
  local last = number(call('SET', ns .. '#token', token, 'GET'), 0, LAST_TOKEN)
  if last and last >= now_us then
    token = integer(last + 1)
    call('SET', ns .. '#token', token)
  end
  return token
end

local function problem_of(answer)
  return type(answer) == 'table' and answer.err and answer or nil
end

-- Writes the details, then the lock. The lock decides, because a lock without details would belong to
-- nobody. Returns the error, or nil.
local function write_holding(key, id, flat, expires)
  local problem = problem_of(redis.pcall('HSET', details_key(key), unpack(flat)))
  if not problem and expires then
    problem = problem_of(redis.pcall('PEXPIREAT', details_key(key), integer(expires)))
  end
  if problem then return problem end
  if expires then return problem_of(redis.pcall('SET', lock_key(key), id, 'PXAT', integer(expires))) end
  return problem_of(redis.pcall('SET', lock_key(key), id))
end

-- Sends GONE to the holder of a lock that another Redis client deleted: its details are still there.
local function notify_deleted(key, flat)
  local held = {}
  for i = 1, #flat, 2 do held[flat[i]] = flat[i + 1] end
  if number(held.token, 1, LAST_TOKEN) then notify(held.mount, 'GONE', held.token, key) end
end

-- Makes a holding of a key that is free. A `granted` one lasts for the grace, until it is confirmed. The
-- first write needs memory, so a full server refuses it before anything has changed. If a later write
-- fails, what was written means nothing: list.lua forgets the index entry, and the details are deleted,
-- because another Redis client may take the lock with the same id. Returns the holding, or nil and the
-- error, or raises the error.
local function hold(key, wants, granted)
  local ttl = wanted_ttl(key, wants)
  local left = granted and tonumber(wants.grace) or ttl
  local expires = left > 0 and now_ms + left or nil
  local before = call('HGETALL', details_key(key))
  local token, ttl_text, now = next_token(), integer(ttl), integer(now_ms)

  local flat = {
    'id', wants.id, 'nonce', wants.nonce, 'token', token, 'ttl', ttl_text, 'acquired', now, 'refreshed', now,
    'user', wants.user, 'host', wants.host, 'mount', wants.mount, 'place', wants.place, 'command', wants.command,
    'pid', wants.pid, 'uid', wants.uid, 'gid', wants.gid, 'grace', wants.grace, 'undoable', '1',
  }
  local function add(field, value)
    flat[#flat + 1], flat[#flat + 2] = field, value
  end
  if wants.identity ~= '' then add('identity', wants.identity) end
  if wants.bound ~= '' then add('bound', '1') end
  if granted then add('granted', '1') end
  index_add(key, expires)
  if #before > 0 then call('DEL', details_key(key)) end
  local problem = write_holding(key, wants.id, flat, expires)
  if problem then
    -- The right to HSET was there before; the right to DEL may be missing.
    redis.pcall('HSET', details_key(key), 'id', '')
    redis.pcall('DEL', details_key(key))
    return nil, problem
  end
  if #before > 0 then notify_deleted(key, before) end
  wants.token = token
  if not granted then publish('ACQUIRED', key, wants, ttl_text) end
  return { id = wants.id, token = token, ttl = ttl_text, acquired = now, refreshed = now, left = left, expires = expires }
end
