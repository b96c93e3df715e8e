-- Lets a request in at every window and slot it asks for, or at none.
-- KEYS: five for each ask: requests a minute and a day, tokens a minute and a day, open requests.
-- ARGV: how long a slot lasts, the request's id, then for each ask its five limits (-1: none) and
-- the estimate of its tokens.
-- A window is a hash: b, when it began, and u, what was used since.
local DAY = 86400000
local LENGTHS = {60000, DAY, 60000, DAY}
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local open_max, id = tonumber(ARGV[1]), ARGV[2]
local asks = #KEYS / 5

local function ends(b, i)
  if LENGTHS[i] == DAY then return math.floor(b / DAY) * DAY + DAY end
  return b + LENGTHS[i]
end

local function read(key, i)
  local found = redis.call('HMGET', key, 'b', 'u')
  local b, u = tonumber(found[1]), tonumber(found[2])
  if not b or now >= ends(b, i) then return nil, 0 end
  return b, u
end

-- Limit, what is left and for how long, of the tighter of two windows of one ask.
local function figure(seen, first)
  local best = {-1, -1, -1}
  for i = first, first + 1 do
    local w = seen[i]
    if w then
      local left = math.max(0, w.limit - w.used)
      local reset = 0
      if w.begun then reset = ends(w.begun, i) - now end
      if best[1] < 0 or left < best[2] or (left == best[2] and reset > best[3]) then
        best = {w.limit, left, reset}
      end
    end
  end
  return best
end

local function answer(head, seen)
  for _, first in ipairs({1, 3}) do
    for _, n in ipairs(figure(seen, first)) do head[#head + 1] = n end
  end
  return head
end

local all = {}
for ask = 1, asks do
  local at, from = 2 + (ask - 1) * 6, (ask - 1) * 5
  local estimate = tonumber(ARGV[at + 6])
  local seen, met, wait = {}, nil, 0
  for i = 1, 4 do
    local limit = tonumber(ARGV[at + i])
    if limit >= 0 then
      local amount = i <= 2 and 1 or estimate
      local b, u = read(KEYS[from + i], i)
      seen[i] = {key = KEYS[from + i], limit = limit, begun = b, used = u, amount = amount}
      if u + amount > limit and not (i > 2 and u == 0 and limit > 0) and not met then
        met, wait = i, ends(b or now, i) - now
      end
    end
  end
  local slots = tonumber(ARGV[at + 5])
  if slots >= 0 and not met then
    local key = KEYS[from + 5]
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    if not redis.call('ZSCORE', key, id) and redis.call('ZCARD', key) >= slots then
      met, wait = 5, 1000
    end
  end
  if met then
    local limit = met == 5 and slots or seen[met].limit
    return answer({0, ask - 1, met, wait, limit}, seen)
  end
  all[ask] = {seen = seen, slots = slots >= 0 and KEYS[from + 5] or nil}
end

for _, ask in ipairs(all) do
  for i = 1, 4 do
    local w = ask.seen[i]
    if w then
      w.begun = w.begun or now
      w.used = w.used + w.amount
      redis.call('HSET', w.key, 'b', string.format('%.0f', w.begun), 'u', string.format('%.0f', w.used))
      redis.call('PEXPIREAT', w.key, string.format('%.0f', ends(w.begun, i)))
    end
  end
  if ask.slots then
    redis.call('ZADD', ask.slots, string.format('%.0f', now + open_max), id)
    if redis.call('PTTL', ask.slots) < open_max then redis.call('PEXPIRE', ask.slots, open_max) end
  end
end
return answer({1, 0, 0, now, 0}, all[1] and all[1].seen or {})
