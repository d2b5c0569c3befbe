-- Hands a worker as many jobs as it has room for: what is due, then account by account what has a slot.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker want lease_ms on_ambiguous max_resubmits spread_ms looks submits not_after queue_id foreign...
--   on_ambiguous  park | resubmit: what becomes of a submit whose worker died
--   spread_ms     what waited for a pause comes back spread over this time
--   looks         and submits: the most of each to hand out; a backlog of looks must not come at once
--   not_after     Unix ms by Redis's clock: later than that nobody waits for this answer, and nothing is claimed
--   queue_id      the life of the queue in which the worker began: in another one no submit is handed out
--   foreign       accounts that this worker has no key for
-- Returns: now next_at due_count oldest_late_ms reset jobs; next_at is '' where nothing is planned; reset is 1 there
-- job: id fence step probe request, then the FIELDS below; step is submit | look; probe is 1 where it tries a pause out
-- Works in a full Redis, where begin_submit refuses: what is under way goes on.
local worker, want, lease, on_ambiguous = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local max_resubmits, spread, looks, submits = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local foreign, gates, jobs, left, bytes = {}, {}, {}, nil, 0
if now > tonumber(ARGV[11]) then return { int(now), '', 0, 0, 0, {} } end
local reset = is_reset(ARGV[12]) and 1 or 0
if reset == 1 then submits = 0 end
for i = 13, #ARGV do foreign[ARGV[i]] = true end
local FIELDS = { 'state', 'account', 'fence', 'attempts', 'worker', 'priority', 'seq', 'kind', 'exports',
  'generation_id', 'base_url', 'polls', 'poll_failures', 'deadline', 'created_at', 'traceparent', 'late_until',
  'resubmits', 'timeout', 'submit_failures', 'warnings', 'slot' }

-- What stays in the schedule though it is due can go on at `time`.
local function leave(time) if not left or time < left then left = time end end

local function read(id)
  local r = redis.pcall('HMGET', job_key(id), unpack(FIELDS))
  if r.err or not r[1] or not r[2] then return nil end
  return { state = r[1], account = r[2], fence = tonumber(r[3]) or 0, attempts = r[4] or '0', worker = r[5] or '',
    priority = r[6], seq = r[7], resubmits = tonumber(r[18]) or 0, slot = r[22] or '', generation = r[10] or '', values = r }
end

local function set_aside(id, from)
  redis.call('ZREM', from, id)
  count('set_aside')
  event(id, '', '', worker, 'set aside: no readable record')
end

local function hand(id, r, step, probe)
  local request = step == 'submit' and redis.call('HGET', job_key(id), 'request') or ''
  bytes = bytes + #(request or '')
  redis.call('HSET', job_key(id), 'fence', r.fence + 1, 'worker', worker)
  redis.call('ZADD', key('due'), int(now + lease), id)
  if probe then
    redis.call('HSET', account_key(r.account), 'probe_until', int(now + lease))
    gates[r.account] = nil
  end
  local job = { id, r.fence + 1, step, probe and 1 or 0, request or '' }
  for i = 1, #FIELDS do job[#job + 1] = r.values[i] or '' end
  jobs[#jobs + 1] = job
end

-- Back in line at its old place. The fence grows, so the worker that had it can't begin.
local function requeue(id, r)
  redis.call('HSET', job_key(id), 'state', 'queued', 'fence', r.fence + 1, 'worker', '', 'next_at', '', 'slot', '')
  redis.call('ZREM', key('due'), id)
  redis.call('ZADD', key('pending:' .. r.account), pending_score(r.priority, r.seq), id)
  wake(r.account, now)
end

local function end_submit(id, r)
  if r.generation ~= '' then
    redis.call('HSET', job_key(id), 'state', 'generating', 'worker', '', 'slot', '')
    leave(now)
    local note = 'the worker died while it submitted: whether Gamma accepted that too is not known; a generation is'
    add_warning(id, note)
    return event(id, 'generating', 'submitting', worker, note)
  end
  if on_ambiguous == 'resubmit' and r.resubmits < max_resubmits then
    redis.call('HSET', job_key(id), 'resubmits', r.resubmits + 1)
    count('resubmits')
    requeue(id, r)
    return event(id, 'queued', 'submitting', worker, 'the worker died while it submitted; policy resubmit')
  end
  redis.call('HSET', job_key(id), 'state', 'ambiguous', 'fence', r.fence + 1, 'worker', '', 'next_at', '',
    'finished_at', int(now), 'error', '{"kind":"ambiguous","message":"the worker died while it submitted: ' ..
    'whether Gamma accepted is not known","status":null,"requestId":null}')
  end_job(id, 'ambiguous')
  event(id, 'ambiguous', 'submitting', worker, 'the worker died while it submitted')
end
