-- Gives back what a worker claimed and never heard of: the answer to its claim was lost.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker since until pair...
--   since, until  Unix ms: between them end the leases of such claims, and of none that was made after this was asked:
--                 it may run late, when its worker has claimed again
--   pair          id fence, of the jobs that the worker knows it has
-- Returns: how many were given back, and 1 where there may be more
-- Works in a full Redis.
local worker, held, lost, given = ARGV[3], {}, {}, 0
for i = 6, #ARGV, 2 do held[ARGV[i]] = ARGV[i + 1] end
local offset, size, more = 0, 1000, 0
while size == 1000 and more == 0 do
  local page = redis.call('ZRANGEBYSCORE', key('due'), ARGV[4], ARGV[5], 'LIMIT', offset, 1000)
  offset, size = offset + 1000, #page
  for _, id in ipairs(page) do
    local r = redis.pcall('HMGET', job_key(id), 'worker', 'state', 'account', 'slot', 'priority', 'seq', 'fence',
      'v', 'kept_fence')
    -- Another fence than the one in hand is a later claim of this worker, and in nobody's hands; but not where a look was
    -- told under it since: such a job ends its lease when it likes, and its claim was heard.
    if r[1] == worker and not is_newer(r[8]) and held[id] ~= r[7] and r[9] ~= r[7] then lost[#lost + 1] = { id, r } end
  end
  if #lost >= 1000 or offset >= 20000 then more = 1 end
end

-- Writes from here on.
pass_when_full()
for _, job in ipairs(lost) do
  local id, r = job[1], job[2]
  local lease_end = redis.call('ZSCORE', key('due'), id)
  local looks = r[2] == 'generating' or r[2] == 'exporting' or r[2] == 'timed_out'
  if r[2] == 'queued' or looks then
    -- It was to try a pause out: the next job does.
    if redis.call('HGET', account_key(r[3]), 'probe_until') == lease_end then
      redis.call('HDEL', account_key(r[3]), 'probe_until')
    end
    given = given + 1
  end
  if r[2] == 'queued' then
    if r[4] and r[4] ~= '' then release_slot(r[3], r[4]) end
    redis.call('HSET', job_key(id), 'worker', '', 'slot', '', 'next_at', '')
    redis.call('ZREM', key('due'), id)
    redis.call('ZADD', key('pending:' .. r[3]), pending_score(r[5], r[6]), id)
    wake(r[3], now)
  elseif looks then
    redis.call('HSET', job_key(id), 'worker', '', 'next_at', int(now))
    redis.call('ZADD', key('due'), int(now), id)
  end
end
return { given, more }
