-- The first half of claim_jobs: what is due.
-- May the account be used now? Answers nil, or when to ask again; the second value says that one job tries it out.
local function closed(account)
  local a = gates[account]
  if not a then a = gate(account) gates[account] = a end
  if a.paused_until > now then return a.paused_until, false end
  if not a.paused then return nil, false end
  if a.probe_until > now then return math.min(a.probe_until, now + 1000), false end
  return nil, true
end

local function set_aside(id, from)
  redis.call('ZREM', from, id)
  count('set_aside')
  event(id, '', '', worker, 'set aside: no readable record')
end

-- A key of another type, made by hand, must not stop the claims of every other account.
local sound = {}
local function usable(account)
  if sound[account] == nil then
    sound[account] = true
    for name, wanted in pairs({ account = 'hash', pending = 'zset', budget = 'zset' }) do
      local kind = redis.call('TYPE', key(name .. ':' .. account)).ok
      if kind ~= wanted and kind ~= 'none' then sound[account] = false end
    end
    if not sound[account] then
      event('', '', '', worker, 'account ' .. account .. ' set aside for a minute: a key of it is of another type')
    end
  end
  return sound[account]
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
  local id, r, moves = due[i], read(due[i]), true
  if not r then set_aside(id, key('due'))
  elseif r.newer then moves = pass_over(id, tonumber(due[i + 1]))
  elseif not usable(r.account) then redis.call('ZADD', key('due'), int(now + 60000), id)
  elseif r.state == 'queued' then
    -- No intent was written, so no POST was made.
    if r.slot ~= '' then release_slot(r.account, r.slot) end
    requeue(id, r)
  elseif r.state == 'submitting' then end_submit(id, r)
  elseif r.state == 'generating' or r.state == 'exporting' or r.state == 'timed_out' then
    local later, probe = closed(r.account)
    if foreign[r.account] then
      -- Its own workers have a second for it; only then it makes room for what stands behind it.
      moves = tonumber(due[i + 1]) + 1000 <= now
      if moves then redis.call('ZADD', key('due'), int(now + 1000 + math.random(0, spread)), id)
      else leave(tonumber(due[i + 1]) + 1000) end
    elseif later then redis.call('ZADD', key('due'), int(later + math.random(0, spread)), id)
    elseif #jobs < want and looks > 0 then
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
