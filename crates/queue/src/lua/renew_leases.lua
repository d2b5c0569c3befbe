-- Holds on to jobs for another lease.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker lease_ms pair...
--   pair: id fence
-- Returns: the ids that this worker holds no more
-- Works in a full Redis.
local worker, lease, lost = ARGV[3], tonumber(ARGV[4]), {}
pass_when_full()
for i = 5, #ARGV, 2 do
  local r = redis.call('HMGET', job_key(ARGV[i]), 'fence', 'worker')
  if r[1] == ARGV[i + 1] and r[2] == worker then
    redis.call('ZADD', key('due'), 'XX', int(now + lease), ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
