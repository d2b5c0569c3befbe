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
    local r = redis.pcall('HMGET', job_key(id), 'state', 'v')
    local found = r[1]
    local there = found == state
    -- Looked at, or its caller is still to be told: that stays for as long as its record does.
    local looked_at = there and (redis.call('ZSCORE', key('due'), id) or redis.pcall('ZSCORE', key('callbacks'), id))
    local over = not there or (not looked_at and tonumber(ids[i + 1]) <= now - ttl_ms)
    if over and not is_newer(r[2]) then
      if there or not found then redis.call('UNLINK', job_key(id), key('result:' .. id)) end
      redis.call('ZREM', key(state), id)
      taken = taken + 1
    end
  end
end
-- What is left of callbacks whose records are gone.
for _, name in ipairs({ 'callbacks', 'callback_failed' }) do
  for _, id in ipairs(redis.pcall('ZRANGE', key(name), 0, tonumber(ARGV[3]) - 1)) do
    if redis.call('EXISTS', job_key(id)) == 0 then
      redis.call('ZREM', key(name), id)
      taken = taken + 1
    end
  end
end
return taken
