-- Directories that a server has lost.

-- Makes a directory with these settings, a list of fields and values, unless it exists or something else is in its place.
local function restore_dir(dir, settings)
  if dir_exists(dir) or call('EXISTS', lock_key(dir)) == 1 then return end
  call('SADD', subdirs_key(parent(dir)), name(dir))
  call('HSET', dir_key(dir), unpack(settings))
end

-- 0755 as a decimal number: the mode of a directory whose settings no instance knows.
local UNKNOWN_MODE = '493'

-- Makes the directories above a lock that nobody has restored, for the user of its holder.
local function restore_parents(of, uid, gid)
  local dir = parent(of)
  if dir_exists(dir) then return end
  restore_parents(dir, uid, gid)
  restore_dir(dir, { 'mode', UNKNOWN_MODE, 'uid', uid, 'gid', gid, 'changed', integer(now_ms) })
end
