-- Gives back what a worker claimed and never heard of: the answer to its claim was lost.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker since held...
--   since  Unix ms: leases that end earlier are from another claim
--   held   the jobs that the worker knows it has
-- Returns: how many were given back
-- Works in a full Redis.
local worker, held, given = ARGV[3], {}, 0
for i = 5, #ARGV do held[ARGV[i]] = true end
pass_when_full()
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('due'), ARGV[4], '+inf', 'LIMIT', 0, 1000)) do
  local r = redis.pcall('HMGET', job_key(id), 'worker', 'state', 'account', 'slot', 'priority', 'seq')
  if r[1] == worker and not held[id] then
    if r[2] == 'queued' then
      if r[4] and r[4] ~= '' then release_slot(r[3], r[4]) end
      redis.call('HSET', job_key(id), 'worker', '', 'slot', '', 'next_at', '')
      redis.call('ZREM', key('due'), id)
      redis.call('ZADD', key('pending:' .. r[3]), pending_score(r[5], r[6]), id)
      wake(r[3], now)
      given = given + 1
    elseif r[2] == 'generating' or r[2] == 'exporting' or r[2] == 'timed_out' then
      redis.call('HSET', job_key(id), 'worker', '', 'next_at', int(now))
      redis.call('ZADD', key('due'), int(now), id)
      given = given + 1
    end
  end
end
return given
