-- The first half of claim_jobs: what is due. Writes from here on: each job is read whole before its first write, and no write can fail by type after it.
pass_when_full()
local scan = math.min(want + 100, 1000)
local due = redis.call('ZRANGEBYSCORE', key('due'), '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, scan)
local late = due[2] and now - tonumber(due[2]) or 0
for i = 1, #due, 2 do
  local id, r = due[i], read(due[i])
  if not r then set_aside(id, key('due'))
  elseif r.state == 'queued' then
    -- No intent was written, so no POST was made.
    if r.slot ~= '' then release_slot(r.account, r.slot) end
    requeue(id, r)
  elseif r.state == 'submitting' then end_submit(id, r)
  elseif r.state == 'generating' or r.state == 'exporting' or r.state == 'timed_out' then
    local later, probe = closed(r.account)
    if foreign[r.account] then redis.call('ZADD', key('due'), int(now + 1000), id)
    elseif later then redis.call('ZADD', key('due'), int(later + math.random(0, spread)), id)
    elseif #jobs < want and looks > 0 then hand(id, r, 'look', probe) looks = looks - 1 end
  else redis.call('ZREM', key('due'), id) end
end
