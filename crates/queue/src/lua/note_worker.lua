-- Notes that a worker is alive, and forgets those that were not heard of for their time.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker alive_ms field...
--   alive_ms   how long a worker counts as alive without being noted
--   field...   names and values of its hash
-- Returns: how many workers are alive
-- Works in a full Redis: that a worker lives is never more worth knowing.
local worker, alive = ARGV[3], tonumber(ARGV[4])
pass_when_full()
redis.call('ZADD', key('workers'), int(now), worker)
redis.call('HSET', key('worker:' .. worker), 'heartbeat_at', int(now), unpack(ARGV, 5))
redis.call('PEXPIRE', key('worker:' .. worker), int(alive))
redis.call('ZREMRANGEBYSCORE', key('workers'), '-inf', int(now - alive))
return redis.call('ZCARD', key('workers'))
