-- The second half of claim_jobs: account by account, one job a turn, while there is room and a slot.
local skipped, turns = 0, 0
while #jobs < want and submits > 0 and turns < 1000 do
  local account = redis.call('ZRANGEBYSCORE', key('accounts'), '-inf', '(' .. int(now + 1), 'LIMIT', skipped, 1)[1]
  if not account then break end
  turns = turns + 1
  local line = key('pending:' .. account)
  local id = redis.call('ZRANGE', line, 0, 0)[1]
  local later, probe = closed(account)
  if foreign[account] then skipped = skipped + 1
  elseif not id then redis.call('ZREM', key('accounts'), account)
  elseif later then redis.call('ZADD', key('accounts'), int(later), account)
  else
    local a, r = gates[account], read(id)
    local used = used_slots(account, a.window)
    if not r or r.state ~= 'queued' then set_aside(id, line)
    elseif used >= a.limit then redis.call('ZADD', key('accounts'), int(next_slot(account, a.window)), account)
    else
      redis.call('ZREM', line, id)
      -- Scored with the end of the lease: no byte of its POST leaves later, unless begin_submit says so.
      local member = slot(id, r.attempts)
      redis.call('ZADD', budget_key(account), int(now + lease), member)
      redis.call('PEXPIRE', budget_key(account), int(lease * 2 + a.window + 1000))
      redis.call('HSET', account_key(account), 'used', used + 1)
      redis.call('HSET', job_key(id), 'slot', member)
      hand(id, r, 'submit', probe)
      submits = submits - 1
      -- Behind the accounts that wait for their turn, and still within this millisecond.
      local time = now + turns / 1001
      if used + 1 >= a.limit then time = next_slot(account, a.window) end
      redis.call('ZADD', key('accounts'), string.format('%.3f', time), account)
    end
  end
end

local next_at = ''
local function sooner(time) if time and (next_at == '' or tonumber(time) < tonumber(next_at)) then next_at = time end end
if #jobs >= want or turns >= 1000 or #due >= 2 * scan then next_at = int(now) end
sooner(redis.call('ZRANGE', key('due'), 0, 0, 'WITHSCORES')[2])
sooner(redis.call('ZRANGEBYSCORE', key('accounts'), int(now + 1), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2])
return { int(now), next_at, redis.call('ZCARD', key('due')), int(late), jobs }
