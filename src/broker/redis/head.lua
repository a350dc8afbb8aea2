-- What is in the log. Where this server does not hold it as it was written, it is begun anew.
-- KEYS: seal, log, begin. ARGV: an epoch by chance. Returns the seal, the first id (false: none), the last one, and how
-- many milliseconds ago it was begun (false: nobody knows).
local replication = redis.call('INFO', 'replication')
if not string.find(replication, 'role:master', 1, true) then
  return redis.error_reply('READONLY this server is a replica')
end
-- The server gives its data another id where they may have lost their end: when it starts, and when it becomes master.
local history = string.match(replication, 'master_replid:(%w+)')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local seal = redis.call('GET', KEYS[1])
if not seal or string.sub(seal, 18) ~= history or redis.call('EXISTS', KEYS[2]) == 0 then
  seal = ARGV[1] .. ' ' .. history
  redis.call('UNLINK', KEYS[2])
  redis.call('SET', KEYS[1], seal)
  redis.call('SET', KEYS[3], string.format('%d', now))
  -- An empty stream; XADD makes none, so that one that was deleted is missed.
  redis.call('XGROUP', 'CREATE', KEYS[2], 'none', '$', 'MKSTREAM')
  redis.call('XGROUP', 'DESTROY', KEYS[2], 'none')
end
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
local about = redis.call('XINFO', 'STREAM', KEYS[2])
for at = 1, #about, 2 do
  if about[at] == 'last-generated-id' then
    local begin = redis.call('GET', KEYS[3])
    return {seal, first and first[1] or false, about[at + 1], begin and now - begin}
  end
end
