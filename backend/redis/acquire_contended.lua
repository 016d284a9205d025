-- The rest of acquire.lua, where somebody has the lock or waits for it.
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
    return mine(held, call('PTTL', KEYS[1]), follow_up(call, 'ZCARD', tickets_key(path)) or 0)
  end
  if not anew and proves(wants.id, wants.identity, held) then
    prove(path, held)
    if waits then leave(path, wants.nonce) end
    return describe('EEXIST', path, held)
  end
  if waits then
    -- First, as it needs memory: so a full server refuses it before anything has changed.
    local at = join(path, wants, order)
    return { 'QUEUED', at, call('PTTL', KEYS[1]), call('ZRANK', tickets_key(path), wants.nonce),
      held.foreign and 1 or 0, say_alive(), trouble }
  end
  publish('UNAVAILABLE', path, held)
  return describe('EBUSY', path, held)
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
