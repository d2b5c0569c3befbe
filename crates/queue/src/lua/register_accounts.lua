-- Writes what accounts may start.
-- KEYS: base
-- ARGV: events_cap ttl_ms account...
--   account: name limit window_ms credits_floor registered_at
--     credits_floor  '' for none
--     registered_at  '' registers it now, whoever did before. Else what an earlier registration was answered: it is put back
--                    where nobody registered the account so late, so that this server has forgotten it
-- Returns: for each registered_at limit window_ms credits_floor; the last three as they stood before
--   registered_at  '' where a later registration stands, or this one; broken where the key is of another type
-- The last registration counts, in whatever order workers find out that a server went back in time.
-- Refuses in a full Redis.
local answers = {}

-- The set of slots expires with its last one, by the window of that time: a longer one needs it for longer.
local function keep_slots(account, window)
  local last = redis.pcall('ZRANGE', budget_key(account), -1, -1, 'WITHSCORES')
  if not last.err and last[2] then
    redis.call('PEXPIREAT', budget_key(account), int(tonumber(last[2]) + window + 1000))
  end
end

for i = 3, #ARGV, 5 do
  local account, limit, window, floor, at = unpack(ARGV, i, i + 4)
  local target = account_key(account)
  local r = redis.pcall('HMGET', target, 'limit', 'window_ms', 'credits_floor', 'budget_at')
  if r.err then
    answers[#answers + 1] = { 'broken', '', '', '' }
  else
    local stands, written = tonumber(r[4] or '') or 0, ''
    if at == '' then written = int(math.max(now, stands + 1)) elseif stands < tonumber(at) then written = at end
    if written ~= '' then
      redis.call('HSET', target, 'limit', limit, 'window_ms', window, 'budget_at', written)
      if floor == '' then redis.call('HDEL', target, 'credits_floor')
      else redis.call('HSET', target, 'credits_floor', floor) end
      keep_slots(account, math.max(tonumber(window), tonumber(r[2] or '') or 0))
      -- Where people look for it, and where it may have its turn earlier than was thought. Broken by hand, either stops nobody.
      redis.pcall('ZADD', key('account_names'), 0, account)
      redis.pcall('ZADD', key('accounts'), 'XX', 'LT', 0, account)
    end
    answers[#answers + 1] = { written, r[1] or '', r[2] or '', r[3] or '' }
  end
end
return answers
