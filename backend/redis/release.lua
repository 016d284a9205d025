-- ARGV: 4 id, 5 identity, 6 token (0: any), 7 '1' where it is forced.
local id, identity, token, forced = ARGV[4], ARGV[5], ARGV[6], ARGV[7] == '1'

local held = holding(path)
if not held and dir_exists(path) then return { 'EISDIR' } end
local meant = held and (token == '0' or token == held.token)
if forced then
  if meant then free(path, held) end
  publish('FORCE_RELEASED', path, meant and held.token, meant and held.ttl)
  return { meant and 'OK' or 'ENOENT' }
end
if not meant then
  publish('FAILED_RELEASE', path)
  return { 'ENOENT' }
end
if not proves(id, identity, held) then
  publish('FAILED_RELEASE', path, held.token, held.ttl)
  return { 'EPERM' }
end
free(path, held)
publish('RELEASED', path, held.token, held.ttl)
return { 'OK' }
