-- The epoch: names the data of one server, which begin anew when a server loses them or another server takes over.
--
-- Every call ends with the epoch that hello.lua gave its instance ('': the instance changes nothing). A server with other data
-- answers EPOCH and does nothing, because what it has and what it does not have says nothing about the locks that are held.
-- For a grace after the epoch has begun, instances write their holdings anew (reassert.lua), and nobody acquires a lock.
local data = call('MGET', ns .. '#e', ns .. '#grace')
local in_grace = data[2] and true or false
if ARGV[#ARGV] ~= '' and ARGV[#ARGV] ~= data[1] then return { 'EPOCH' } end

local function left_of_grace() return math.max(0, call('PTTL', ns .. '#grace')) end

-- The answer to a call that has to wait for the end of the grace, with what is left of it in ms.
local function answer_grace() return { 'GRACE', left_of_grace() } end
