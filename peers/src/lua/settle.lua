-- What ended requests leave behind. KEYS: one for each entry. ARGV: three for each entry:
-- 'window', when the request was let in, and what to add to what it took then; or
-- 'slot', the request's id, and nothing.
for i, key in ipairs(KEYS) do
  local what, which, change = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
  if what == 'slot' then
    redis.call('ZREM', key, which)
  else
    local found = redis.call('HMGET', key, 'b', 'u')
    local b, u = tonumber(found[1]), tonumber(found[2])
    -- A window that began later is another one, which owes nothing.
    if b and b <= tonumber(which) then
      redis.call('HSET', key, 'u', string.format('%.0f', math.max(0, u + tonumber(change))))
    end
  end
end
return #KEYS
