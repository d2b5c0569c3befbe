-- The first half of claim_jobs: what is due.
local function set_aside(id, from)
  redis.call('ZREM', from, id)
  count('set_aside')
  event(id, '', '', worker, 'set aside: no readable record')
end

-- A record that is newer than this: others have a second for it; only then it makes room for what stands behind it.
-- A fraction in its score says that it was counted; where nobody takes it, it is met again once a minute.
local newer, first_newer = 0, nil
local function count_newer(id) newer, first_newer = newer + 1, first_newer or id end
local function pass_over(id, time)
  if time + 1000 > now then leave(time + 1000) return false end
  if time % 1 == 0 then count_newer(id) end
  redis.call('ZADD', key('due'), int(now + (time % 1 == 0 and 1000 or 60000) + math.random(0, spread)) .. '.5', id)
  return true
end

-- Writes from here on: each job is read whole before its first write, and no write can fail by type after it.
pass_when_full()
local scan = math.min(want + 100, 1000)
local due = redis.call('ZRANGEBYSCORE', key('due'), '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, scan)
local moved, late = false, due[2] and now - tonumber(due[2]) or 0
for i = 1, #due, 2 do
  -- Who has all it asked for reads no further: what is left is due for the next claim.
  if #jobs >= want then leave(now) break end
  local id, r, moves = due[i], read(due[i]), true
  if not r then set_aside(id, key('due'))
  elseif r.newer then moves = pass_over(id, tonumber(due[i + 1]))
  elseif (r.state == 'queued' or r.state == 'submitting') and not usable(r.account) then
    redis.call('ZADD', key('due'), int(now + 60000), id)
  elseif r.state == 'queued' then
    -- No intent was written, so no POST was made.
    if r.slot ~= '' then release_slot(r.account, r.slot) end
    requeue(id, r)
  elseif r.state == 'submitting' then end_submit(id, r)
  elseif r.state == 'generating' or r.state == 'exporting' or r.state == 'timed_out' then
    -- Of an account that isn't ours nothing is asked: whether its keys are sound is for others to say.
    local later, probe
    if not foreign[r.account] then later, probe = closed_for_look(r.account) end
    if foreign[r.account] then
      -- Its own workers have a second for it; only then it makes room for what stands behind it.
      moves = tonumber(due[i + 1]) + 1000 <= now
      if moves then redis.call('ZADD', key('due'), int(now + 1000 + math.random(0, spread)), id)
      else leave(tonumber(due[i + 1]) + 1000) end
    elseif later then redis.call('ZADD', key('due'), int(later + math.random(0, spread)), id)
    elseif looks > 0 then
      hand(id, r, 'look', probe, tonumber(due[i + 1]))
      looks = looks - 1
    else
      moves = false
      leave(now)
    end
  elseif string.find(' ambiguous completed failed cancelled ', ' ' .. r.state .. ' ', 1, true) then
    redis.call('ZREM', key('due'), id)
  else set_aside(id, key('due')) end
  moved = moved or moves
end
if #leases > 0 then redis.call('ZADD', key('due'), unpack(leases)) leases = {} end
