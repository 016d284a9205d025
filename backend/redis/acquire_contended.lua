-- The rest of acquire.lua, where somebody has the lock or waits for it.
local waits, anew, order = ARGV[17] == '1', ARGV[18] == '1', tonumber(ARGV[19])

local held = holding(path)
-- Who was handed it and was too late for that, as one far away may be each time, has it still if it is its turn.
if not held and not is_first(path, order) then
  -- Nobody is let in past those who wait. Who waits as well joins them, and one of the next looks
  -- goes on behind the tickets of dead mounts; who does not wait cannot be told anything before that.
  if not waits then dead_left = math.huge end
  pass_on(path)
  held = holding(path)
end
if held then
  if held.nonce == wants.nonce then
    if held.granted then
      say_alive()
      confirm(path, held)
    end
    return mine(held, call('PTTL', KEYS[1]), follow_up(call, 'ZCARD', tickets_key(path)) or 0)
  end
  if not anew and proves(wants.id, wants.identity, held) then
    prove(path, held)
    if waits then leave(path, wants.nonce) end
    return describe('EEXIST', path, held)
  end
  if not waits then
    publish('UNAVAILABLE', path, held)
    return describe('EBUSY', path, held)
  end
end
if waits and (held or not is_first(path, order)) then
  -- First, as it needs memory: so a full server refuses it before anything has changed.
  local at = join(path, wants, order)
  return { 'QUEUED', at, call('PTTL', KEYS[1]), call('ZRANK', tickets_key(path), wants.nonce),
    held and held.foreign and 1 or 0, say_alive(), trouble }
end
if dir_exists(path) then return { 'EISDIR' } end
local word = check_parent(path)
if word ~= 'OK' then return { word } end
local new, problem = hold(path, wants)
if not new then return problem end
if order > 0 then
  follow_up(leave, path, wants.nonce)
  follow_up(keep_tickets, path, new.expires)
end
return mine(new, new.left, follow_up(call, 'ZCARD', tickets_key(path)) or 0)
