-- ARGV: 4 id, 5 identity, 6 nonce, 7 ttl, 8 fallback ttl, 9 user, 10 host,
-- 11 place, 12 command, 13 pid, 14 uid, 15 gid, 16 '1': bound, 17 '1': waits,
-- 18 '1': anew, 19 order, 20 grace in ms. Leases in ms; 0: unset, -1: never. `order` is 0, or what
-- the ticket of this nonce was told when it joined. Who is handed a lock confirms it
-- by asking once more. The answer does not tell again what was asked with.
local wants = {
  id = ARGV[4], identity = ARGV[5], nonce = ARGV[6], ttl = ARGV[7], fallback = ARGV[8], user = ARGV[9],
  host = ARGV[10], place = ARGV[11], command = ARGV[12], pid = ARGV[13], uid = ARGV[14], gid = ARGV[15],
  bound = ARGV[16], grace = ARGV[20], mount = mount,
}

-- The answer to whom it is now.
local function mine(held, left, waiters)
  local details = { 'ttl', held.ttl, 'acquired', held.acquired, 'refreshed', held.refreshed }
  if held.content then details[7], details[8] = 'content', held.content end
  return { 'OK', held.id, left, now_ms, held.token, details, waiters, trouble }
end

-- Who was let in to wait is let in, also where the memory is full by now.
if ARGV[19] ~= '0' then begin_freely() end

if path ~= '' and call('EXISTS', KEYS[1], dir_key(path), tickets_key(path)) == 0 then
  local word = check_parent(path)
  if word ~= 'OK' then return { word } end
  local new, problem = hold(path, wants)
  if not new then return problem end
  return mine(new, new.left, 0)
end
