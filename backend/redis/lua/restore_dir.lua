-- Makes a directory that the server has lost, as an instance knows it. One that exists stays as it is.
--
-- ARGV: 4 mode, 5 uid, 6 gid, 7 ttl in ms (0: none of its own), 8 limit (0: none), 9 time of the last change of the settings in
--   ms, 10 mtime in ms ('': never set)
-- Answers: 'OK'

--- @include "include/names.lua"
--- @include "include/epoch.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/restore.lua"

local limit = ARGV[8]

local function settings_of(names)
  local settings = {}
  for at, field in pairs(names) do
    if ARGV[at] ~= '' and ARGV[at] ~= '0' then settings[#settings + 1], settings[#settings + 2] = field, ARGV[at] end
  end
  return settings
end

allow_when_full()
if path == '' then
  -- The root always exists; these settings of it are stored.
  local settings = settings_of({ [7] = 'ttl', [10] = 'mtime' })
  if #settings > 0 and call('EXISTS', dir_key(path)) == 0 then call('HSET', dir_key(path), unpack(settings)) end
  if limit ~= '0' and call('EXISTS', limit_key(path)) == 0 then call('SET', limit_key(path), limit) end
  return { 'OK' }
end
if dir_exists(path) or call('EXISTS', KEYS[1]) == 1 then return { 'OK' } end
restore_parents(path, ARGV[5], ARGV[6])
local settings = settings_of({ [7] = 'ttl', [9] = 'changed', [10] = 'mtime' })
restore_dir(path, { 'mode', ARGV[4], 'uid', ARGV[5], 'gid', ARGV[6], unpack(settings) })
if limit ~= '0' and dir_exists(path) then call('SET', limit_key(path), limit) end
return { 'OK' }
