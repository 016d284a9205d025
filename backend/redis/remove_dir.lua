if path == '' then return { 'EBUSY' } end
if call('EXISTS', KEYS[1]) == 1 then return { 'ENOTDIR' } end
if not dir_exists(path) then return { 'ENOENT' } end
if call('EXISTS', subdirs_key(path)) == 1 then return { 'ENOTEMPTY' } end
-- As in list.lua: names whose locks are gone do not count.
for _, lock in ipairs(call('ZRANGEBYSCORE', index_key(path), integer(now_ms), 'inf')) do
  if call('EXISTS', lock_key(path .. '/' .. lock)) == 1 then return { 'ENOTEMPTY' } end
end
call('DEL', dir_key(path), index_key(path))
call('SREM', subdirs_key(parent(path)), name(path))
return { 'OK' }
