-- ARGV: 4 id, 5 identity, 6 nonce, 7 ttl, 8 fallback ttl, 9 user, 10 host,
-- 11 place, 12 command, 13 pid, 14 uid, 15 gid. Leases in ms; 0: unset, -1: never.
local id, identity, nonce = ARGV[4], ARGV[5], ARGV[6]

local held = holding(path)
if held then
  if held.nonce == nonce then return describe('OK', path, held) end
  if proves(id, identity, held) then return describe('EEXIST', path, held) end
  publish('UNAVAILABLE', path, held.token, held.ttl)
  return describe('EBUSY', path, held)
end
if dir_exists(path) then return { 'EISDIR' } end
local word = check_parent(path)
if word ~= 'OK' then return { word } end

local ttl = tonumber(ARGV[7])
if ttl == 0 then ttl = default_ttl(parent(path)) end
if ttl == 0 then ttl = tonumber(ARGV[8]) end
local token = integer(math.max(tonumber(call('GET', ns .. '#token') or 0) + 1, now_us))
local expires = ttl > 0 and now_ms + ttl or nil

call('SET', ns .. '#token', token)
if expires then
  call('SET', KEYS[1], id, 'PXAT', integer(expires))
else
  call('SET', KEYS[1], id)
end
call('DEL', details_key(path))
call('HSET', details_key(path), 'id', id, 'nonce', nonce, 'token', token, 'ttl', integer(ttl),
  'acquired', integer(now_ms), 'refreshed', integer(now_ms), 'user', ARGV[9], 'host', ARGV[10],
  'mount', mount, 'place', ARGV[11], 'command', ARGV[12], 'pid', ARGV[13], 'uid', ARGV[14], 'gid', ARGV[15])
if identity ~= '' then call('HSET', details_key(path), 'identity', identity) end
if expires then call('PEXPIREAT', details_key(path), integer(expires)) end
index_add(path, expires)
publish('ACQUIRED', path, token, integer(ttl))
return describe('OK', path, holding(path))
