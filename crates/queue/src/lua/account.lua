-- An account's budget and pauses. budget:<account> holds one member a submit, scored with the latest time at which
-- its POST can reach Gamma; a slot is free one millisecond after it left the window, since both ends count.
local function budget_key(account) return key('budget:' .. account) end
local function account_key(account) return key('account:' .. account) end

-- An account that an operator paused stays so until somebody resumes it, whatever Gamma answers meanwhile. The end of
-- the pause is far ahead; what it puts off is put off by HELD_MS at a time, and so comes back soon after it.
local HELD, HELD_MS = 'operator', 15000
local function is_held(paused_until, reason) return reason == HELD and (tonumber(paused_until) or 0) > now end

-- A pause that says that a key is missing holds back nobody who has one; who has none leaves the account to others.
local NO_KEY, NO_KEY_MS = 'no_key', 365 * 86400000

local function gate(account)
  local a = redis.call('HMGET', account_key(account), 'limit', 'window_ms', 'paused_until', 'pause_reason',
    'probe_until')
  if a[4] == NO_KEY then a[3], a[4] = nil, nil end
  if is_held(a[3], a[4]) then a[3] = now + HELD_MS end
  return { limit = tonumber(a[1]) or 50, window = tonumber(a[2]) or 3600000, paused_until = tonumber(a[3]) or 0,
    paused = a[4] and a[4] ~= '', probe_until = tonumber(a[5]) or 0 }
end

-- The last slot of each budget whose end was set in this call.
local lasting = {}
local function used_slots(account, window)
  lasting[account] = nil
  redis.call('ZREMRANGEBYSCORE', budget_key(account), '-inf', int(now - window - 1))
  return redis.call('ZCARD', budget_key(account))
end

-- When the oldest slot comes back. A budget of 0 has none: it is looked at again in a while.
local function next_slot(account, window)
  local oldest = redis.call('ZRANGE', budget_key(account), 0, 0, 'WITHSCORES')
  if not oldest[2] then return now + 1000 end
  return tonumber(oldest[2]) + window + 1
end

-- Charges slots until `time`. The set lasts until the last of all slots has left the window, whoever charged it.
local function charge_slots(account, members, time, window)
  local list = {}
  for _, member in ipairs(members) do
    list[#list + 1] = int(time)
    list[#list + 1] = member
  end
  redis.call('ZADD', budget_key(account), 'GT', unpack(list))
  if lasting[account] and lasting[account] >= time then return end
  local last = redis.call('ZRANGE', budget_key(account), -1, -1, 'WITHSCORES')[2]
  redis.call('PEXPIREAT', budget_key(account), int(last + window + 1000))
  lasting[account] = tonumber(last)
end
local function charge_slot(account, member, time, window) charge_slots(account, { member }, time, window) end

-- After a slot moved or came back: the account may be able to submit earlier than was thought.
local function refresh(account)
  local thought = redis.call('ZSCORE', key('accounts'), account)
  if not thought or tonumber(thought) <= now then return end
  local a = gate(account)
  local time = now
  if used_slots(account, a.window) >= a.limit then time = next_slot(account, a.window) end
  redis.call('ZADD', key('accounts'), 'XX', 'LT', int(math.max(time, a.paused_until)), account)
end

local function release_slot(account, member)
  lasting[account] = nil
  if redis.call('ZREM', budget_key(account), member) == 1 then refresh(account) end
end

-- The POST is over: it can't reach Gamma later than now. The first one of a call says all that the others of the account could: they
-- get the same score.
local refreshed = {}
local function score_slot(account, member)
  local moved = redis.call('ZADD', budget_key(account), 'XX', 'LT', 'CH', int(now), member) == 1
  if moved and not refreshed[account] then
    refresh(account)
    refreshed[account] = true
  end
end
