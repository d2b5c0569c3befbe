-- Which ended jobs need not be kept any longer: those older than results may be, and more than may be kept.

-- How many of an index are too many; they are its oldest. `most` is '' where any number is kept.
local function too_many(state, most)
  if most == '' then return 0 end
  return math.max(redis.call('ZCARD', key(state)) - tonumber(most), 0)
end

-- What becomes of the entry `id` of the index `state`, the rank of the oldest being 0:
--   over   its record is there, and was kept long enough
--   gone   its record expired, or was removed
--   other  a newer job has its id, and is in another state: only the entry goes
--   held   it stays, however old: it has a step to come, its caller is to be told of it, or a newer version wrote it
--   kept   it is to be kept for a while longer
-- and, of one that is over or held, whether anybody was ever to be told of it.
local function fate(state, id, score, rank, spare)
  local r = redis.pcall('HMGET', job_key(id), 'state', 'v', 'callback_status')
  if is_newer(r[2]) then return 'held' end
  if not r[1] then return 'gone' end
  if r[1] ~= state then return 'other' end
  if tonumber(score) > now - ttl_ms and rank >= spare then return 'kept' end
  -- Looked at, or its caller is still to be told.
  local told = (r[3] or '') ~= ''
  if redis.call('ZSCORE', key('due'), id) or (told and is_to_be_told(id)) then return 'held', told end
  return 'over', told
end
