-- ARGV: 4 cursor. One page of the names in a directory: 'OK', the next cursor ('': there
-- is none), directories, locks, and how many there are about. A cursor is that of SSCAN
-- over the directories or of ZSCAN over the locks, with a letter in front. These miss nothing
-- that is there all the while, and may tell a name twice where others come and go.

--- @include "include/names.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/index.lua"
--- @include "include/message.lua"
--- @include "include/forget.lua"

local DIRS, LOCKS = 'd', 'l'
local PAGE = 250 -- names, which take some 0.7 ms
local UNPACK_MAX = 1000

if path ~= '' and call('EXISTS', KEYS[1]) == 1 then return { 'ENOTDIR' } end
if not dir_exists(path) then return { 'ENOENT' } end

-- The names of a step of ZSCAN whose leases have not passed.
local function leased(step)
  local names = {}
  for i = 1, #step, 2 do
    if step[i + 1] == 'inf' or tonumber(step[i + 1]) >= now_ms then names[#names + 1] = step[i] end
  end
  return names
end

local prefix = path == '' and '' or path .. '/'

-- Those of the names that are held: MGET takes no more keys than Lua can unpack.
local function held_of(names)
  local locks = {}
  for first = 1, #names, UNPACK_MAX do
    local keys = {}
    for i = first, math.min(first + UNPACK_MAX - 1, #names) do keys[#keys + 1] = lock_key(prefix .. names[i]) end
    for i, id in ipairs(call('MGET', unpack(keys))) do
      local found = names[first + i - 1]
      if id then
        locks[#locks + 1] = found
      else
        forget(prefix .. found)
      end
    end
  end
  return locks
end

local phase, at = string.match(ARGV[4], '^(.)(.*)$')
local expected = call('SCARD', subdirs_key(path)) + call('ZCARD', index_key(path))
local dirs, locks = {}, {}
if phase == DIRS then
  local step = call('SSCAN', subdirs_key(path), at, 'COUNT', PAGE)
  dirs = step[2]
  if step[1] ~= '0' then return { 'OK', DIRS .. step[1], dirs, {}, expected } end
  phase, at = LOCKS, '0'
  if #dirs > PAGE / 2 then return { 'OK', LOCKS .. '0', dirs, {}, expected } end
end
local step = call('ZSCAN', index_key(path), at, 'COUNT', PAGE)
locks = held_of(leased(step[2]))
return { 'OK', step[1] == '0' and '' or LOCKS .. step[1], dirs, locks, expected, trouble }
