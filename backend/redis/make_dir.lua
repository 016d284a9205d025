-- ARGV: 4 mode, 5 uid, 6 gid.
if dir_exists(path) or call('EXISTS', KEYS[1]) == 1 then return { 'EEXIST' } end
local word = check_parent(path)
if word ~= 'OK' then return { word } end
call('HSET', dir_key(path), 'mode', ARGV[4], 'uid', ARGV[5], 'gid', ARGV[6], 'changed', integer(now_ms))
call('SADD', subdirs_key(parent(path)), name(path))
return { 'OK' }
