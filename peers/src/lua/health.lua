-- Which endpoints which nodes found tripped, and for how long. KEYS[1]: the hash.
-- ARGV, if there is something to report: the field, and for how many milliseconds (0: flowing).
local FIELDS_MAX = 4096
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local key, said, longest = KEYS[1], {}, 0
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
  local left = tonumber(all[i + 1]) - now
  if left <= 0 or all[i] == ARGV[1] then
    redis.call('HDEL', key, all[i])
  else
    said[#said + 1], said[#said + 2] = all[i], left
    longest = math.max(longest, left)
  end
end
local lasts = tonumber(ARGV[2] or '0')
if lasts > 0 and #said / 2 < FIELDS_MAX then
  redis.call('HSET', key, ARGV[1], string.format('%.0f', now + lasts))
  longest = math.max(longest, lasts)
end
if longest > 0 then redis.call('PEXPIRE', key, string.format('%.0f', longest)) end
return said
