-- ARGV: 4 id, 5 identity, 6 token ('': any), 7 '': its holder asks; '1': forced; '2':
-- and its holder was given the time that it has; '3': the mount that keeps it for an open
-- file has told its holder. Answers with the token of what was released, or
-- 'EAGAIN', the token and the time in ms that its holder is given.

--- @include "include/names.lua"
--- @include "include/failure.lua"
--- @include "include/clock.lua"
--- @include "include/directory.lua"
--- @include "include/index.lua"
--- @include "include/holding.lua"
--- @include "include/event.lua"
--- @include "include/message.lua"
--- @include "include/lease.lua"
--- @include "include/free.lua"

local id, identity, token, force = ARGV[4], ARGV[5], ARGV[6], ARGV[7]

-- For a holder whose own grace is damaged, in ms: the shortest that a mount asks for.
local GRACE = 500

-- A lock that is bound to an open file is not free before its holder has been
-- stopped, or has not answered for a moment: also where nobody hears now, as its
-- mount may just be connecting anew, and asks then. Answers with that moment in ms,
-- or nil where it is bound to none.
local function revoke(held)
  if held.bound ~= '1' then return nil end
  local grace, left = number(held.grace, 1, GRACE_MAX) or GRACE, call('PTTL', KEYS[1])
  -- Writes before it tells, as free() does.
  begin_freely()
  call('HSET', details_key(path), 'revoked', mount)
  tell(held.mount, 'REVOKE', held.token, path)
  if left < 0 or left > grace then follow_up(set_end, path, now_ms + grace) end
  return grace
end

local held = holding(path)
if not held and dir_exists(path) then return { 'EISDIR' } end
local meant = held and (token == '' or token == held.token)
-- A mount may have been told so by anybody who can publish, so nothing but its own ends by it.
if force == '3' and not (meant and held.bound == '1' and held.mount == mount) then return { 'ENOENT' } end
if force ~= '' then
  local asks = force == '1' or (force == '2' and not (meant and held.revoked))
  local grace = meant and asks and revoke(held)
  if grace then return { 'EAGAIN', held.token, grace, trouble } end
  if not meant then
    if not held then publish('FORCE_RELEASED', path) end
    return { 'ENOENT', trouble }
  end
elseif not meant or not proves(id, identity, held) then
  publish('FAILED_RELEASE', path, held)
  return { meant and 'EPERM' or 'ENOENT', trouble }
end
local before = free(path, held, force ~= '' and 'FORCE_RELEASED' or 'RELEASED')
if not before then return { 'OK', held.token, trouble } end

--- @include "include/hold.lua"
--- @include "include/pass.lua"

-- Others wait for it.
follow_up(pass_on, path, before)
return { 'OK', held.token, trouble }
