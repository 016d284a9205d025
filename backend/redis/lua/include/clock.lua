-- The time, which is the same in the whole script, and conversions between numbers and text.
local time = call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now_ms = math.floor(now_us / 1000)

local function integer(number)
  return string.format('%.0f', number)
end

-- Reads a whole number from `least` to `most`; nil if the text is anything else, as stored texts may be damaged.
local function number(text, least, most)
  local value = tonumber(text)
  if value and value >= least and value <= most and value % 1 == 0 then return value end
end

-- Counted tokens stay below until the year 2112; tokens of other Redis clients are above (holding.lua).
-- FOREIGN_TOKEN_MIN of lock.h is the same number.
local LAST_TOKEN = 2 ^ 52

-- Ten years in ms, as LEASE_MAX_MS of duration.h.
local LEASE_MAX = 315360000000

-- Reads a lease in ms (-1: never ends); nil if the text is none.
local function lease(text)
  local ms = number(text, -1, LEASE_MAX)
  if ms ~= 0 then return ms end
end
