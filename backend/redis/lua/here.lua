-- Answers a WHO: tells the instance that asked where this one is. An instance that may not publish is silent.
--
-- ARGV: 4 the instance that asked, 5 the message
-- Answers: 'OK'

--- @include "include/names.lua"

redis.pcall('PUBLISH', mount_key(ARGV[4]), ARGV[5])
return { 'OK' }
