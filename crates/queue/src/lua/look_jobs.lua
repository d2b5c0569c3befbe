-- Looks at jobs, each with its result and every place where it stands, in one moment. Reads only.
-- KEYS: base
-- ARGV: events_cap ttl_ms pair...
--   pair  id line; line is the account of a pending line in which the id was seen, or ''
-- Returns: now jobs
-- job: type ttl request_bytes result_type result_ttl result charged window_ms, then PLACES, then FIELDS
--   charged  1 where the job's slot stands in its account's budget
--   place    its score; '' where the job isn't there, ? where that can't be known: the key is of another type
local PLACES = { 'due', 'ambiguous', 'completed', 'failed', 'timed_out', 'cancelled', 'callbacks',
  'callback_failed' }
local FIELDS = { 'id', 'v', 'state', 'account', 'fence', 'seq', 'worker', 'priority', 'created_at', 'run_at', 'deadline',
  'intent_at', 'submitted_at', 'finished_at', 'slot', 'generation_id', 'late_until', 'attempts', 'polls',
  'callback', 'callback_id', 'callback_state', 'callback_status' }
-- What was written by hand may be of any size: a long text is none of a worker's, and a start of it shows that.
local MOST_TEXT, MOST_RESULT = 600, 1048576

local function score(zset, member)
  local found = redis.pcall('ZSCORE', zset, member)
  if type(found) == 'table' then return '?' end
  return found or ''
end

local function result(id)
  local target = key('result:' .. id)
  local kind = redis.call('TYPE', target).ok
  if kind ~= 'string' then return kind, -2, '' end
  local text = ''
  if redis.call('STRLEN', target) <= MOST_RESULT then text = redis.call('GET', target) end
  return kind, redis.call('PTTL', target), text
end

local jobs = {}
for i = 3, #ARGV, 2 do
  local id, line, values, bytes = ARGV[i], ARGV[i + 1], {}, 0
  local kind = redis.call('TYPE', job_key(id)).ok
  if kind == 'hash' then
    values = redis.call('HMGET', job_key(id), unpack(FIELDS))
    bytes = redis.call('HSTRLEN', job_key(id), 'request')
  end
  for f = 1, #FIELDS do values[f] = values[f] and string.sub(values[f], 1, MOST_TEXT) or '' end
  local account, slot = values[4], values[15]
  local window = redis.pcall('HGET', account_key(account), 'window_ms')
  if type(window) == 'table' then window = nil end
  local result_kind, result_ttl, text = result(id)
  local job = { kind, redis.call('PTTL', job_key(id)), bytes, result_kind, result_ttl, text,
    score(budget_key(account), slot) ~= '' and 1 or 0, tonumber(window) and window or '3600000' }
  for _, place in ipairs(PLACES) do job[#job + 1] = score(key(place), id) end
  job[#job + 1] = score(key('pending:' .. account), id)
  job[#job + 1] = line == '' and '' or score(key('pending:' .. line), id)
  for _, value in ipairs(values) do job[#job + 1] = value end
  jobs[#jobs + 1] = job
end
return { int(now), jobs }
