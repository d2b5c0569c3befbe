-- The second half of claim_jobs: account by account, one job a turn, while there is room and a slot.
local skipped, turns, allowed = 0, 0, submits
-- An answer of many large requests would not arrive in time: after 8 MiB the next claim goes on.
while #jobs < want and submits > 0 and turns < 1000 and bytes < 8388608 do
  local account = redis.call('ZRANGEBYSCORE', key('accounts'), '-inf', '(' .. int(now + 1), 'LIMIT', skipped, 1)[1]
  if not account then break end
  local line, ours = key('pending:' .. account), not foreign[account] and usable(account)
  local id, later, probe
  if ours then
    id = redis.call('ZRANGE', line, 0, 0)[1]
    later, probe = closed(account)
  end
  turns = turns + (foreign[account] and 0 or 1)
  if foreign[account] then skipped = skipped + 1
  elseif not ours then redis.call('ZADD', key('accounts'), int(now + 60000), account)
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
      local member = slot(id, r.seq, r.attempts)
      charge_slot(account, member, now + lease, a.window)
      redis.call('HSET', account_key(account), 'used', used + 1)
      redis.call('HSET', job_key(id), 'slot', member)
      r.values[#FIELDS] = member
      hand(id, r, 'submit', probe)
      submits = submits - 1
      -- Behind the accounts that had their turn before, in this call or an earlier one, and still within this
      -- millisecond: a turn takes longer than the microsecond by which it is told from the next.
      local time = math.min(now + (clock[2] % 1000 + turns) / 1000, now + 0.999)
      if used + 1 >= a.limit then time = next_slot(account, a.window) end
      redis.call('ZADD', key('accounts'), string.format('%.3f', time), account)
    end
  end
end

local next_at = ''
local function sooner(time) if time and (next_at == '' or tonumber(time) < tonumber(next_at)) then next_at = time end end
-- What was cut short goes on at once; what was left in the schedule says itself when.
if #jobs >= want or turns >= 1000 or bytes >= 8388608 or (allowed > 0 and submits == 0) or (moved and #due >= 2 * scan) then
  next_at = int(now)
end
sooner(left and int(left))
sooner(redis.call('ZRANGEBYSCORE', key('due'), '(' .. int(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2])
sooner(redis.call('ZRANGEBYSCORE', key('accounts'), int(now + 1), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2])
return { int(now), next_at, redis.call('ZCARD', key('due')), int(late), reset, jobs }
