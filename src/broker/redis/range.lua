-- Reads letters from one offset to another. KEYS: seal, log. ARGV: the seal, two ids, how many, bytes. Returns ids and
-- letters by turns: not more than so many, and no more once they have so many bytes.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return redis.error_reply('ANEW another log began')
end
local from, count, bytes, found = ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5]), {}
while count > 0 and bytes > 0 do
  local some = redis.call('XRANGE', KEYS[2], from, ARGV[3], 'COUNT', math.min(count, 16))
  if #some == 0 then
    break
  end
  for at = 1, #some do
    local letter = some[at][2][2]
    found[#found + 1], found[#found + 2] = some[at][1], letter
    bytes = bytes - #letter
  end
  from, count = '(' .. found[#found - 1], count - #some
end
return found
