-- Takes the index entries of records that are gone, and what is older than results may be.
-- An id may be a new job's by now: only a job that still is in the index's state goes with its entry.
-- KEYS: base
-- ARGV: events_cap ttl_ms most
--   most  entries to look at in each index
-- Returns: how many were taken away
local taken = 0
for _, state in ipairs({ 'completed', 'failed', 'timed_out', 'cancelled' }) do
  local ids = redis.call('ZRANGE', key(state), 0, tonumber(ARGV[3]) - 1, 'WITHSCORES')
  for i = 1, #ids, 2 do
    local id = ids[i]
    local found = redis.pcall('HGET', job_key(id), 'state')
    local there = found == state
    local looked_at = there and redis.call('ZSCORE', key('due'), id)
    if not there or (not looked_at and tonumber(ids[i + 1]) <= now - ttl_ms) then
      if there or not found then redis.call('UNLINK', job_key(id), key('result:' .. id)) end
      redis.call('ZREM', key(state), id)
      taken = taken + 1
    end
  end
end
return taken
