-- Takes ended jobs away that need not be kept any longer: record, result and index entry in one step.
-- Each is judged again: since it was looked at, an operator may have had it begun anew, or its id may have become a newer
-- job's. Of such a one nothing goes but an entry of the index that is out of date; and where it has ended once more, not even
-- that: its files were not looked at.
-- KEYS: base
-- ARGV: events_cap ttl_ms state max_jobs item...
--   max_jobs  how many the index may keep, '' for any number
-- item: id score
--   score     what the index had for it when it was looked at
-- Returns: how many entries were taken away
-- Works in a full Redis. Safe to run twice. Touches the jobs it is given, and no others.
if is_newer_layout() then return 0 end
local state, taken, early = ARGV[3], 0, 0
for i = 5, #ARGV, 2 do
  local id = ARGV[i]
  local score = redis.call('ZSCORE', key(state), id)
  if score ~= ARGV[i + 1] then score = nil end
  -- The oldest come first and go first, so the rank of one is the number of those that stay in front of it.
  local rank = score and ARGV[4] ~= '' and redis.call('ZRANK', key(state), id) or 0
  local what, told
  if score then what, told = fate(state, id, score, rank, too_many(state, ARGV[4])) end
  if what == 'over' or what == 'gone' then
    redis.call('UNLINK', job_key(id), key('result:' .. id))
    if what == 'gone' or told then forget_callback(id) end
  end
  if what == 'over' or what == 'gone' or what == 'other' then
    redis.call('ZREM', key(state), id)
    taken = taken + 1
  end
  if what == 'over' and tonumber(score) > now - ttl_ms then early = math.max(early, tonumber(score)) end
end
-- A journal misses jobs that are gone before their time. Of those that ended up to here it can't tell, so it doesn't.
if early > (tonumber(redis.call('HGET', key('stats'), 'swept_until')) or 0) then
  redis.call('HSET', key('stats'), 'swept_until', int(early))
end
return taken
