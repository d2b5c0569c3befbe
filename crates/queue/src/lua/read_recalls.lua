-- What workers have to let go of the jobs that they keep between looks.
-- KEYS: base
-- ARGV: events_cap ttl_ms since
--   since   Unix ms by Redis's clock: when this was asked last
-- Returns: now what...; what is account <name> or job <id>, at the most 1,000; one more, `all`, where that is not all of it
local since = tonumber(ARGV[3])
if now - since >= RECALL_MS then return { int(now), 'all' } end
local found = redis.pcall('ZRANGEBYSCORE', key('recalls'), int(since), '+inf', 'LIMIT', 0, 1001)
-- A key of another type: nobody can say.
if found.err or #found > 1000 then return { int(now), 'all' } end
table.insert(found, 1, int(now))
return found
