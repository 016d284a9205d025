-- ARGV: 4 id, 5 identity, 6 nonce, 7 ttl, 8 fallback ttl, 9 user, 10 host,
-- 11 place, 12 command, 13 pid, 14 uid, 15 gid, 16 '1': bound, 17 '1': waits,
-- 18 '1': anew, 19 order, 20 grace in ms. Leases in ms; 0: unset, -1: never. `order` is 0, or what
-- the ticket of this nonce was told when it joined. Who is handed a lock confirms it
-- by asking once more.
local wants = {
  id = ARGV[4], identity = ARGV[5], nonce = ARGV[6], ttl = ARGV[7], fallback = ARGV[8], user = ARGV[9],
  host = ARGV[10], place = ARGV[11], command = ARGV[12], pid = ARGV[13], uid = ARGV[14], gid = ARGV[15],
  bound = ARGV[16], grace = ARGV[20], mount = mount,
}
local waits, anew, order = ARGV[17] == '1', ARGV[18] == '1', tonumber(ARGV[19])

local held = holding(path)
-- Who was handed it and was too late for that, as one far away may be each time, has it still if it is its turn.
if not held and not is_first(path, order) then
  pass_on(path)
  held = holding(path)
end
if held then
  if held.nonce == wants.nonce then
    if held.granted then
      say_alive()
      confirm(path, held)
    end
    return describe_again(path, held)
  end
  if not anew and proves(wants.id, wants.identity, held) then
    if waits then leave(path, wants.nonce) end
    return describe('EEXIST', path, held)
  end
  if waits then
    local was_alive, at = say_alive(), join(path, wants, order)
    return { 'QUEUED', at, call('PTTL', KEYS[1]), call('ZRANK', tickets_key(path), wants.nonce),
      held.foreign and 1 or 0, was_alive }
  end
  publish('UNAVAILABLE', path, held)
  return describe('EBUSY', path, held)
end
if dir_exists(path) then return { 'EISDIR' } end
local word = check_parent(path)
if word ~= 'OK' then return { word } end
local new = hold(path, wants)
if order > 0 then
  leave(path, wants.nonce)
  keep_tickets(path, new.expires)
end
return describe('OK', path, new)
