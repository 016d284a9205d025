-- What time it is, the same in the whole script; and numbers as text.
local time = call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now_ms = math.floor(now_us / 1000)

local function integer(number)
  return string.format('%.0f', number)
end

-- The whole number within these bounds that a text is, or nil: what the server keeps may be damaged.
local function number(text, least, most)
  local value = tonumber(text)
  if value and value >= least and value <= most and value % 1 == 0 then return value end
end

-- No token that is counted gets there before the year 2112; above are those of other clients (holding.lua).
local LAST_TOKEN = 2 ^ 52

-- Ten years, in ms.
local LEASE_MAX = 315360000000

-- The lease that a text is, in ms (-1: never ends), or nil.
local function lease(text)
  local ms = number(text, -1, LEASE_MAX)
  if ms ~= 0 then return ms end
end
