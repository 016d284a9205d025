-- What becomes of a script where one of its steps fails: a right was taken away, something else
-- stands under a key, or what stands there is damaged. What was written before that stays. So a
-- script reads and checks first; then it writes what means nothing by itself; then comes the
-- write that decides what the answer is; and what follows from that is done as far as it goes.

-- A server whose memory is full judges the first write of a script alone, and allows DEL (Redis
-- 6.2 to 8, Valkey 8.1). This is the first write of what needs no memory. The name never exists.
local function begin_freely()
  call('DEL', ns .. '#none')
end

-- The first step that failed behind the write that decided: the last element of an answer.
local trouble

-- Does what follows from a change that stands. Returns the result, or nil where it fails.
local function follow_up(act, ...)
  local done, result = pcall(act, ...)
  if done then return result end
  -- Redis 6.2 says first where: `@user_script: 12: -`.
  local text = string.gsub(tostring(result), '^[@=]%S+ %-?%d+: %-?', '')
  trouble = trouble or { err = (string.gsub(text, '[\r\n]', ' ')) }
end
