-- Adds letters and publishes them. KEYS: seal, log, channel. ARGV: the seal, how many are kept, letters.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return redis.error_reply('ANEW another log began')
end
local epoch = string.sub(ARGV[1], 1, 16)
for at = 3, #ARGV do
  local id = redis.call('XADD', KEYS[2], 'NOMKSTREAM', 'MAXLEN', '~', ARGV[2], '0-*', 'l', ARGV[at])
  if not id then
    return redis.error_reply('ANEW the log is gone')
  end
  redis.call('SPUBLISH', KEYS[3], epoch .. string.sub(id, 2) .. ' ' .. ARGV[at])
end
return 1
