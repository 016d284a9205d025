-- ARGV: 4 mode, 5 uid, 6 gid, 7 ttl in ms; '' leaves a setting, ttl 0 removes it.
local settings = { 'mode', 'uid', 'gid', 'ttl' }

if path ~= '' and call('EXISTS', KEYS[1]) == 1 then return { 'ENOTDIR' } end
if not dir_exists(path) then return { 'ENOENT' } end
for i, setting in ipairs(settings) do
  local value = ARGV[3 + i]
  if setting == 'ttl' and value == '0' then
    call('HDEL', dir_key(path), 'ttl')
  elseif value ~= '' then
    call('HSET', dir_key(path), setting, value)
  end
end
if path ~= '' then call('HSET', dir_key(path), 'changed', integer(now_ms)) end
return { 'OK' }
