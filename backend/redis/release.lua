-- ARGV: 4 id, 5 identity, 6 token (0: any), 7 '1': forced, '2': and its holder has
-- stopped, or was given the time. Answers with the token of what was released.
local id, identity, token, force = ARGV[4], ARGV[5], ARGV[6], ARGV[7]

-- A lock that is bound to an open file is not free before its holder has been
-- stopped, or has not answered for a moment. False: nobody is there to stop.
local function revoke(held)
  if held.bound ~= '1' or tell(held.mount, 'REVOKE', held.token, path) == 0 then return false end
  call('HSET', details_key(path), 'revoked', mount)
  local left = call('PTTL', KEYS[1])
  if left < 0 or left > LAST_WORDS then set_end(path, now_ms + LAST_WORDS) end
  return true
end

local held = holding(path)
if not held and dir_exists(path) then return { 'EISDIR' } end
local meant = held and (token == '0' or token == held.token)
if force ~= '' then
  if meant and force == '1' and revoke(held) then return { 'EAGAIN', held.token } end
  publish('FORCE_RELEASED', path, meant and held.token, meant and held.ttl)
  if not meant then return { 'ENOENT' } end
  tell_holder('ENDED', path, held)
  free(path, held)
  return { 'OK', held.token }
end
if not meant then
  publish('FAILED_RELEASE', path)
  return { 'ENOENT' }
end
if not proves(id, identity, held) then
  publish('FAILED_RELEASE', path, held.token, held.ttl)
  return { 'EPERM' }
end
publish('RELEASED', path, held.token, held.ttl)
tell_holder('ENDED', path, held)
free(path, held)
return { 'OK', held.token }
