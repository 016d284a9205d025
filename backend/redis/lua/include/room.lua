-- Room in directories with a limit: how many locks there may be, and which keys wait. A key that is free and is waited
-- for waits for room by the order of its first ticket; all its tickets are in the queue of the key as ever. So the tickets
-- of a key that is taken meanwhile keep their places, and the key passes on from holder to waiter without new room.

-- The largest limit, as DIR_LIMIT_MAX of backend.h.
local LIMIT_MAX = 1000000

-- The limit of a directory; nil: none. A damaged limit counts as none.
local function limit_of(dir) return number(call('GET', limit_key(dir)), 1, LIMIT_MAX) end

-- Keys whose waiters are counted one by one. Of more keys each counts as one waiter.
local COUNTED_MAX = 1000

local function key_in(dir, of) return dir == '' and of or dir .. '/' .. of end

-- The number of acquisitions that wait for room.
local function count_room_waiters(dir)
  local names = call('ZRANGEBYSCORE', room_key(dir), '-inf', 'inf', 'LIMIT', 0, COUNTED_MAX)
  local count = #names < COUNTED_MAX and 0 or call('ZCARD', room_key(dir)) - COUNTED_MAX
  for _, each in ipairs(names) do count = count + call('ZCARD', tickets_key(key_in(dir, each))) end
  return count
end

-- How many locks there are in a directory besides one of `key`, which is free.
local function count_others(dir, key)
  local own = tonumber(call('ZSCORE', index_key(dir), name(key)) or nil)
  return call('ZCOUNT', index_key(dir), integer(now_ms), 'inf') - (own and own >= now_ms and 1 or 0)
end
