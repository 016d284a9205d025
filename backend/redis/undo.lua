-- ARGV: 4 nonce. Takes back an acquisition whose answer was lost, or that waits.
local held = holding(path)
if not held or held.nonce ~= ARGV[4] then return { leave(path, ARGV[4]) and 'OK' or 'ENOENT' } end
local before = free(path, held, 'RELEASED')
if not before then return { 'OK', held.token, trouble } end
