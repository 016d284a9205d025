-- ARGV: 3 id, 4 identity, 5 nonce, 6 ttl, 7 fallback ttl, 8 user, 9 host,
-- 10 place, 11 command, 12 pid, 13 uid, 14 gid. Leases in ms; 0: unset, -1: never.
local id, identity, nonce = ARGV[3], ARGV[4], ARGV[5]

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

local ttl = tonumber(ARGV[6])
if ttl == 0 then ttl = default_ttl(parent(path)) end
if ttl == 0 then ttl = tonumber(ARGV[7]) end
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
  'acquired', integer(now_ms), 'refreshed', integer(now_ms), 'user', ARGV[8], 'host', ARGV[9],
  'place', ARGV[10], 'command', ARGV[11], 'pid', ARGV[12], 'uid', ARGV[13], 'gid', ARGV[14])
if identity ~= '' then call('HSET', details_key(path), 'identity', identity) end
if expires then call('PEXPIREAT', details_key(path), integer(expires)) end
index_add(path, expires)
publish('ACQUIRED', path, token, integer(ttl))
return describe('OK', path, holding(path))
