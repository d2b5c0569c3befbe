-- How an account comes to be paused, and comes out of it.
-- Pauses submits and polls of an account: for `fixed` ms, or doubling from `first` to `most` while it goes on.
-- Answers that come while it is paused already don't double it again. Returns when it ends.
local function pause(account, reason, fixed, first, most, jitter, id, worker)
  local a = redis.call('HMGET', account_key(account), 'paused_until', 'pause_level', 'pause_reason')
  if is_held(a[1], a[3]) then return now + HELD_MS end
  local old, level = tonumber(a[1]) or 0, tonumber(a[2]) or 0
  if a[3] == NO_KEY then old = 0 end
  if old <= now then level = level + 1 end
  local wait = fixed
  if not wait then wait = math.min(first * 2 ^ math.min(math.max(level, 1) - 1, 30), most) * (1 + 0.1 * jitter) end
  local time = old
  if old <= now or fixed then time = math.max(old, now + math.floor(wait)) end
  redis.call('HSET', account_key(account), 'paused_until', int(time), 'pause_reason', reason, 'pause_level', level)
  redis.call('HDEL', account_key(account), 'probe_until')
  redis.call('ZADD', key('accounts'), 'XX', int(time), account)
  if time > old then
    recall('account ' .. account)
    count('pauses')
    event(id, '', '', worker, 'account ' .. account .. ' paused until ' .. int(time) .. ': ' .. reason)
  end
  return time
end

local function unpause(account, id, worker)
  if is_held(unpack(redis.call('HMGET', account_key(account), 'paused_until', 'pause_reason'))) then return end
  redis.call('HDEL', account_key(account), 'paused_until', 'pause_reason', 'pause_level', 'probe_until')
  redis.call('ZADD', key('accounts'), 'XX', int(now), account)
  event(id, '', '', worker, 'account ' .. account .. ' resumed')
end
