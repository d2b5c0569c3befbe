-- The second half of claim_jobs: account by account, one job a turn, while there is room and a slot.
-- More than any rank in a line: nine priorities of 1e14.
local BEHIND = 1e15
local turns, allowed = 0, submits
-- An answer of many large requests would not arrive in time: after 8 MiB the next claim goes on.
while #jobs < want and submits > 0 and turns < 1000 and skipped < 2000 and bytes < 8388608 do
  local account = next_account()
  if not account then break end
  local ours = not foreign[account] and usable(account)
  local id, rank, later, probe
  if ours then
    id, rank = first_of(account, #names - front)
    later, probe = closed(account)
  end
  turns = turns + (foreign[account] and 0 or 1)
  if foreign[account] then skip()
  elseif not ours then end_turn(account, int(now + 60000))
  elseif not id then end_turn(account, false)
  elseif later then end_turn(account, int(later))
  else
    local a, r = gates[account], read_queued(id)
    local used = used_by(account, a.window)
    if r and r.newer and tonumber(rank) < BEHIND then
      -- Behind all others, where a newer worker finds it.
      count_newer(id)
      redis.call('ZADD', key('pending:' .. account), int(rank + BEHIND), id)
      step(account)
    elseif r and r.newer then
      -- Such are all that is left: newer workers have a second for the account, as they have for what is due.
      if since[front] + 1000 <= now then end_turn(account, int(now + 1000)) else skip() turns = turns - 1 end
    elseif not r or r.state ~= 'queued' then
      set_aside(id, key('pending:' .. account))
      step(account)
    elseif r.wish then
      -- Its record may name another account.
      redis.call('ZREM', key('pending:' .. account), id)
      carry_out_wish(id, worker)
      step(account)
    elseif used >= a.limit then end_turn(account, int(next_slot(account, a.window)))
    elseif is_short_of_credits(account) then end_turn(account, int(now + 1000))
    else
      hand_to_submit(account, id, r, probe, used)
      step(account)
      submits = submits - 1
      -- Behind the accounts that had their turn before, in this call or an earlier one, and still within this
      -- millisecond: a turn takes longer than the microsecond by which it is told from the next.
      local time = math.min(now + (clock[2] % 1000 + turns) / 1000, now + 0.999)
      if used + 1 >= a.limit then
        close_line(account)
        time = next_slot(account, a.window)
      end
      end_turn(account, string.format('%.3f', time))
    end
  end
end
for account in pairs(lines) do close_line(account) end
carry_out()

if newer > 0 then
  redis.pcall('HINCRBY', key('stats'), 'newer_records', newer)
  event(first_newer, '', '', worker, 'left to newer workers: its record is of a version that this one does not know' ..
    (newer > 1 and ', and so are those of ' .. newer - 1 .. ' more' or ''))
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
return { int(now), next_at, redis.call('ZCARD', key('due')), int(late), reset, newer, told_moves(), jobs }
