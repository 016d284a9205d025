-- Runs every command that the scripts need, so that a missing right or a read-only server fails the mount and
-- not a lock later. It writes a lock named `.stats`, which is the name of no lock, and NS#hello. A server whose memory
-- is full refuses a new instance, but not one that was connected before, as that may hold locks.
--
-- ARGV: 4 '1': this instance was connected before; else ''
-- Answers: 'OK'

--- @include "include/names.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"

if ARGV[4] == '1' then allow_when_full() end

for _, scratch in ipairs({ lock_key('.stats'), ns .. '#hello' }) do
  call('SET', scratch, '1', 'PXAT', integer(now_ms + 1000))
  call('SET', scratch, '1', 'PXAT', integer(now_ms + 1000), 'GET')
  call('GET', scratch)
  call('EXISTS', scratch)
  call('MGET', scratch)
  call('PTTL', scratch)
  call('PEXPIREAT', scratch, integer(now_ms + 1000))
  call('DEL', scratch)
end

local scratch = ns .. '#hello'
call('PERSIST', scratch)
call('HSET', scratch, 'field', '1')
call('HGET', scratch, 'field')
call('HMGET', scratch, 'field')
call('HGETALL', scratch)
call('HDEL', scratch, 'field')
call('ZADD', scratch, 1, 'name')
call('ZCARD', scratch)
call('ZSCORE', scratch, 'name')
call('ZRANK', scratch, 'name')
call('ZCOUNT', scratch, 0, 'inf')
call('ZRANGEBYLEX', scratch, '-', '+')
call('ZREVRANGE', scratch, 0, 0, 'WITHSCORES')
call('ZRANGEBYSCORE', scratch, 0, 'inf')
call('ZREM', scratch, 'name')
call('ZSCAN', scratch, '0', 'COUNT', 1)
call('PEXPIRE', scratch, 1000)
call('SADD', scratch, 'name')
call('SCARD', scratch)
call('SSCAN', scratch, '0', 'COUNT', 1)
call('SREM', scratch, 'name')
call('UNLINK', scratch)
call('PUBLISH', ns .. '#ev', '')
call('PUBLISH', ns .. '#m:' .. mount, '')
return { 'OK' }
