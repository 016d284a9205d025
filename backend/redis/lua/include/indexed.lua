-- The locks in the index of a directory: reads a step of ZSCAN, and forgets those that another Redis client deleted.

-- MGET gets at most as many keys as Lua can unpack.
local UNPACK_MAX = 1000

-- The names of a step of ZSCAN whose leases have not ended.
local function leased(step)
  local names = {}
  for i = 1, #step, 2 do
    if step[i + 1] == 'inf' or tonumber(step[i + 1]) >= now_ms then names[#names + 1] = step[i] end
  end
  return names
end

-- The names that are held in the directory `path`, and the values of these locks.
local function held_of(names)
  local prefix = path == '' and '' or path .. '/'
  local held, ids = {}, {}
  for first = 1, #names, UNPACK_MAX do
    local keys = {}
    for i = first, math.min(first + UNPACK_MAX - 1, #names) do keys[#keys + 1] = lock_key(prefix .. names[i]) end
    for i, id in ipairs(call('MGET', unpack(keys))) do
      local found = names[first + i - 1]
      if id then
        held[#held + 1], ids[#ids + 1] = found, id
      else
        forget(prefix .. found)
      end
    end
  end
  return held, ids
end
