-- ARGV: 4 kind of event, 5 token (0: any). Tells of a holding what changed nothing.
local held = holding(path)
if held and (ARGV[5] == '0' or ARGV[5] == held.token) then publish(ARGV[4], path, held) end
return { 'OK' }
