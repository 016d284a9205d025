-- Makes a directory.
--
-- ARGV: 4 mode, 5 uid, 6 gid
-- Answers: 'OK'; 'EEXIST': a lock or directory is there; 'ENOENT' or 'ENOTDIR': of its parent

--- @include "include/names.lua"
--- @include "include/epoch.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"

if in_grace then return answer_grace() end
if dir_exists(path) or call('EXISTS', KEYS[1]) == 1 then return { 'EEXIST' } end
local word = check_parent(path)
if word ~= 'OK' then return { word } end
-- A directory that is missing in its parent could not be listed, so the directory is written last.
local named = call('SADD', subdirs_key(parent(path)), name(path))
local made = redis.pcall('HSET', dir_key(path), 'mode', ARGV[4], 'uid', ARGV[5], 'gid', ARGV[6], 'changed', integer(now_ms))
if type(made) == 'number' then return { 'OK' } end
if named == 1 then redis.pcall('SREM', subdirs_key(parent(path)), name(path)) end
return made
