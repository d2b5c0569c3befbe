-- Holds on to jobs for another lease.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker lease_ms pair...
--   pair: id fence
-- A submit that is not begun keeps its slot as long as its job is held.
-- Returns: the ids that this worker holds no more
-- Works in a full Redis.
local worker, lease, lost = ARGV[3], tonumber(ARGV[4]), {}
pass_when_full()
for i = 5, #ARGV, 2 do
  local r = redis.pcall('HMGET', job_key(ARGV[i]), 'fence', 'worker', 'state', 'account', 'slot', 'v')
  if not is_newer(r[6]) and r[1] == ARGV[i + 1] and r[2] == worker then
    -- Never sooner: of a job that is kept by now the lease may be longer.
    redis.call('ZADD', key('due'), 'XX', 'GT', int(now + lease), ARGV[i])
    if r[3] == 'queued' and r[4] and r[5] and redis.call('ZSCORE', budget_key(r[4]), r[5]) then
      charge_slot(r[4], r[5], now + lease, gate(r[4]).window)
    end
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
