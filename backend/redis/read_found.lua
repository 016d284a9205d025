-- The rest of read.lua, where something stands.
local held = path ~= '' and holding(path) or nil
if held then
  -- Its mount did not hear it.
  if held.revoked and held.mount == mount then tell(mount, 'REVOKE', held.token, path) end
  return describe('OK', path, held)
end
if not dir_exists(path) then return { 'ENOENT' } end
local dir = call('HMGET', dir_key(path), 'mode', 'uid', 'gid', 'changed')
return { 'DIR', dir[1] or '0', dir[2] or '0', dir[3] or '0', dir[4] or '0', integer(default_ttl(path) or 0) }
