-- Says what the server is, and asks the other instances of the namespace to say what they are. Nothing is stored.
--
-- ARGV: 4 the number of the roll call, above 0, which the answers repeat; '': nobody is asked
-- Answers: 'OK', sections of INFO, seconds and microseconds of the server's clock, the number of instances that were
-- asked (-1: the user of the server has no right to PUBSUB CHANNELS or PUBLISH)

--- @include "include/names.lua"

local ASKED_MOST = 1000

local function ask_others()
  local pattern = string.gsub(mount_key(''), '[%*%?%[%]\\]', '\\%0') .. '*'
  local channels = redis.pcall('PUBSUB', 'CHANNELS', pattern)
  local asked = 0
  if channels.err then return -1 end
  for i = 1, math.min(#channels, ASKED_MOST) do
    if channels[i] ~= mount_key(mount) then
      local receivers = redis.pcall('PUBLISH', channels[i], 'WHO ' .. ARGV[4] .. ' ' .. mount)
      if type(receivers) ~= 'number' then return -1 end
      asked = asked + receivers
    end
  end
  return asked
end

local info = {}
for i, section in ipairs({ 'server', 'replication', 'memory', 'persistence' }) do info[i] = call('INFO', section) end
local time = call('TIME')
return { 'OK', table.concat(info, '\r\n'), time[1], time[2], ARGV[4] == '' and 0 or ask_others() }
