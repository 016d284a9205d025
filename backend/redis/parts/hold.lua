-- Taking a lock that is free.

-- The lease that an acquisition wants (the fields that acquire.lua makes), in ms; -1: never.
local function wanted_ttl(key, wants)
  local ttl = tonumber(wants.ttl)
  if ttl == 0 then ttl = default_ttl(parent(key)) end
  if ttl == 0 then ttl = tonumber(wants.fallback) end
  return ttl
end

-- Larger than all before, also where the server lost them.
local function next_token()
  local token = integer(now_us)
  local last = call('SET', ns .. '#token', token, 'GET')
  if last and tonumber(last) >= now_us then
    token = integer(last + 1)
    call('SET', ns .. '#token', token)
  end
  return token
end

-- Makes a holding of a key that is free. One that is only `granted` lasts for the grace,
-- until it is confirmed.
local function hold(key, wants, granted)
  local ttl = wanted_ttl(key, wants)
  local lease = granted and tonumber(wants.grace) or ttl
  local expires = lease > 0 and now_ms + lease or nil
  local token, ttl_text, now = next_token(), integer(ttl), integer(now_ms)

  if expires then
    call('SET', lock_key(key), wants.id, 'PXAT', integer(expires))
  else
    call('SET', lock_key(key), wants.id)
  end
  local details = details_key(key)
  local flat = {
    'id', wants.id, 'nonce', wants.nonce, 'token', token, 'ttl', ttl_text, 'acquired', now, 'refreshed', now,
    'user', wants.user, 'host', wants.host, 'mount', wants.mount, 'place', wants.place, 'command', wants.command,
    'pid', wants.pid, 'uid', wants.uid, 'gid', wants.gid, 'grace', wants.grace,
  }
  local function add(field, value)
    flat[#flat + 1], flat[#flat + 2] = field, value
  end
  if wants.identity ~= '' then add('identity', wants.identity) end
  if wants.bound ~= '' then add('bound', '1') end
  if granted then add('granted', '1') end
  local before = call('HMGET', details, 'mount', 'token')
  if before[1] then call('DEL', details) end
  call('HSET', details, unpack(flat))
  if expires then call('PEXPIREAT', details, integer(expires)) end
  index_add(key, expires)
  -- Whoever deleted it past lockfs told nobody, and left what stands beside it.
  if before[1] then tell(before[1], 'GONE', before[2], key) end
  wants.token = token
  if not granted then publish('ACQUIRED', key, wants, ttl_text) end
  return { id = wants.id, token = token, ttl = ttl_text, acquired = now, refreshed = now, lease = lease, expires = expires }
end
