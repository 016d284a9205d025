-- Lists a directory with what its locks are like, one page at a time: subdirectories first, then locks, then with the
-- mount option `scan` those that are in no index. A name that exists from the first page to the last is never
-- missed, and may be listed twice, as by list.lua. Pages are small, because nobody can acquire a lock while a script runs.
--
-- ARGV: 4 cursor: 'd' and the cursor of SSCAN over subdirectories, 'l' and that of ZSCAN over locks, or 'a' and that
--   of SCAN over the whole database; 5 id, 6 identity of the caller; both '': it does not matter who holds the locks
-- Answers: 'OK', the next cursor ('' after the last page), subdirectories, locks, about how many names there
--   are on all pages, mode, uid and gid of the directory, the time in ms; 'ENOENT'; 'ENOTDIR': a lock. A lock is a list:
--   name, id, what is left of the lease in ms (-1: never ends), token, number of waiters, number of holdings if they are
--   shared (else 0), '1' if its details are known (else ''), and the details that FIELDS names from the third one on

--- @include "include/names.lua"
--- @include "include/epoch.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/index.lua"
--- @include "include/message.lua"
--- @include "include/holding.lua"
--- @include "include/gone.lua"
--- @include "include/forget.lua"
--- @include "include/indexed.lua"

local DIRS, LOCKS, ALL = 'd', 'l', 'a'
local PAGE = 100 -- names; a page takes about 0.7 ms
local ID, IDENTITY = ARGV[5], ARGV[6]

-- Details in the order in which reply_locks.c reads them.
local FIELDS = { 'id', 'token', 'identity', 'user', 'host', 'place', 'command', 'pid', 'uid', 'gid', 'form', 'acquired', 'refreshed',
  'ttl', 'granted', 'undoable', 'nonce', 'mount' }

if path ~= '' and call('EXISTS', KEYS[1]) == 1 then return { 'ENOTDIR' } end
if not dir_exists(path) then return { 'ENOENT' } end

local prefix = path == '' and '' or path .. '/'

-- Shows a lock that is not what its holder wrote as that of another Redis client, which nobody can prove to have.
local function damaged(key)
  return { id = '?', token = foreign_token(key), foreign = true, granted = '1', flat = {} }
end

-- The holding of a lock that read.lua would describe, or nil if all have ended; `id` is the value of the lock. Of an exclusive
-- lock only FIELDS are read, and not the content.
local function described(key, id)
  if id == SHARED then
    local done, held = pcall(holding, key, meant_by('', ID, IDENTITY))
    if done then return held end
    return damaged(key)
  end
  local values = redis.pcall('HMGET', details_key(key), unpack(FIELDS))
  if values[1] ~= id or not number(values[2], 1, LAST_TOKEN) then
    return { id = id, token = foreign_token(id), foreign = true }
  end
  local held = {}
  for i, field in ipairs(FIELDS) do held[field] = values[i] or nil end
  return held
end

-- A lock for the answer; nil if it has ended.
local function answer_of(each, id)
  local key = prefix .. each
  local held = described(key, id)
  if not held then return nil end
  local left = left_of(key, held)
  if left == -2 then return nil end
  if not held.foreign and not may_name_holder(key, held, ID, IDENTITY) then held.granted = '1' end
  local lock = { each, held.id, left, held.token, follow_up(call, 'ZCARD', tickets_key(key)) or 0, holders_of(key, held),
    held.foreign and '' or '1' }
  for i = 3, #FIELDS do lock[i + 5] = held[FIELDS[i]] or '' end
  return lock
end

local function answers_of(names, ids)
  local answers = {}
  for i, each in ipairs(names) do answers[#answers + 1] = answer_of(each, ids[i]) end
  return answers
end

local dir = call('HMGET', dir_key(path), 'mode', 'uid', 'gid')
local phase, at = string.match(ARGV[4], '^(.)(.*)$')
local expected = call('SCARD', subdirs_key(path)) + call('ZCARD', index_key(path))

local function answer(cursor, dirs, locks)
  return { 'OK', cursor, dirs, locks, expected, dir[1] or '0', dir[2] or '0', dir[3] or '0', now_ms, trouble }
end

if phase == ALL then
  local start = lock_key(prefix)
  local pattern = string.gsub(start, '[%*%?%[%]\\]', '\\%0') .. '*'
  local step = call('SCAN', at, 'MATCH', pattern, 'COUNT', 1000, 'TYPE', 'string')
  local names, ids = {}, {}
  for _, key in ipairs(step[2]) do
    local found = string.sub(key, #start + 1)
    local id = found ~= '' and not string.find(found, '/', 1, true) and call('GET', key)
    if id then names[#names + 1], ids[#ids + 1] = found, id end
  end
  return answer(step[1] == '0' and '' or ALL .. step[1], {}, answers_of(names, ids))
end

local dirs = {}
if phase == DIRS then
  local step = call('SSCAN', subdirs_key(path), at, 'COUNT', PAGE)
  dirs = step[2]
  if step[1] ~= '0' then return answer(DIRS .. step[1], dirs, {}) end
  at = '0'
  if #dirs > PAGE / 2 then return answer(LOCKS .. '0', dirs, {}) end
end
local step = call('ZSCAN', index_key(path), at, 'COUNT', PAGE)
return answer(step[1] == '0' and '' or LOCKS .. step[1], dirs, answers_of(held_of(leased(step[2]))))
