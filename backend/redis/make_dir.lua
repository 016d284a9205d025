-- ARGV: 3 mode, 4 uid, 5 gid.
if dir_exists(path) or call('EXISTS', KEYS[1]) == 1 then return { 'EEXIST' } end
local word = check_parent(path)
if word ~= 'OK' then return { word } end
call('HSET', dir_key(path), 'mode', ARGV[3], 'uid', ARGV[4], 'gid', ARGV[5], 'changed', integer(now_ms))
call('SADD', subdirs_key(parent(path)), name(path))
return { 'OK' }
