-- ARGV: 4 id, 5 identity, 6 token (0: any), 7 ttl in ms (0: its own).
local id, identity, token, ttl = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])

local function refuse(word, held)
  publish('FAILED_REFRESH', path, held and held.token, held and held.ttl)
  return { word }
end

local held = holding(path)
if not held and dir_exists(path) then return { 'EISDIR' } end
if not held or (token ~= '0' and token ~= held.token) then return refuse('ENOENT') end
if not proves(id, identity, held) then return refuse('EPERM', held) end
local left = call('PTTL', KEYS[1])
if left < 0 then return refuse('ENOTSUP', held) end
if ttl < 0 then return refuse('EINVAL', held) end
-- The lease of another client's lock is not known; what is left of it is.
if ttl == 0 then ttl = tonumber(held.ttl or left) end

local expires = now_ms + ttl
call('PEXPIREAT', KEYS[1], integer(expires))
if not held.foreign then
  call('HSET', details_key(path), 'ttl', integer(ttl), 'refreshed', integer(now_ms))
  call('PEXPIREAT', details_key(path), integer(expires))
  index_add(path, expires)
end
tell_holder(held)
publish('REFRESHED', path, held.token, integer(ttl))
return describe('OK', path, holding(path))
