-- Failures in the middle of a script: a right is missing, a key has another type, or its value is damaged.
-- The server does not undo what was written before. So a script has four parts in this order: it reads
-- and checks; it writes what means nothing alone; one write decides the answer; follow_up() does the rest,
-- and its failure does not change the answer.

-- Lets a script write although the server's memory is full. The server refuses only the first write of a
-- script, and DEL is allowed (Redis 6.2 to 8, Valkey 8.1). So scripts that need no memory begin with a DEL
-- of a key that never exists.
local function allow_when_full()
  call('DEL', ns .. '#none')
end

-- Does something. Returns the error, or nil and the result.
local function try(act, ...)
  local done, result = pcall(act, ...)
  if done then return nil, result end
  -- Redis 6.2 puts the position first: `@user_script: 12: -`.
  local text = string.gsub(tostring(result), '^[@=]%S+ %-?%d+: %-?', '')
  return { err = (string.gsub(text, '[\r\n]', ' ')) }
end

-- The first error after the write that decided; it is the last element of an answer.
local trouble

-- Does something that follows from a change that stands. Returns the result, or nil if it fails.
local function follow_up(act, ...)
  local problem, result = try(act, ...)
  trouble = trouble or problem
  return result
end
