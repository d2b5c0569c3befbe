-- Hands a worker as many jobs as it has room for: what is due, then account by account what has a slot.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker want lease_ms on_ambiguous max_resubmits spread_ms looks submits not_after queue_id foreign...
--   on_ambiguous  park | resubmit: what becomes of a submit whose worker died
--   spread_ms     what waited for a pause comes back spread over this time
--   looks         and submits: the most of each to hand out; a backlog of looks must not come at once
--   not_after     Unix ms by Redis's clock: later than that nobody waits for this answer, and nothing is claimed
--   queue_id      the life of the queue in which the worker began: in another one no submit is handed out
--   foreign       accounts that this worker has no key for
-- Returns: now next_at due_count oldest_late_ms reset newer moves jobs; next_at is '' where nothing is planned
--   reset   1 in another life of the queue, 2 where its layout is newer than this
--   newer   how many jobs were met for the first time whose records are newer than this: left to newer workers
--   moves   of jobs whose workers died while they submitted, as ` from>to` each
-- job: id fence step probe request late_ms, then the FIELDS below; step is submit | look; probe is 1 where it tries a pause out
-- Works in a full Redis, where begin_submit refuses: what is under way goes on.
local worker, want, lease, on_ambiguous = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local max_resubmits, spread, looks, submits = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local foreign, gates, jobs, left, bytes = {}, {}, {}, nil, 0
if now > tonumber(ARGV[11]) then return { int(now), '', 0, 0, 0, 0, '', {} } end
if is_newer_layout() then return { int(now), '', 0, 0, 2, 0, '', {} } end
local reset = is_reset(ARGV[12]) and 1 or 0
if reset == 1 or is_queue_paused() then submits = 0 end
for i = 13, #ARGV do foreign[ARGV[i]] = true end
local FIELDS = { 'state', 'account', 'fence', 'attempts', 'worker', 'priority', 'seq', 'kind', 'exports',
  'generation_id', 'base_url', 'polls', 'poll_failures', 'deadline', 'created_at', 'traceparent', 'late_until',
  'resubmits', 'timeout', 'submit_failures', 'warnings', 'gamma_id', 'files', 'pdf_url',
  'pptx_url', 'png_url', 'slot' }

-- What stays in the schedule though it is due can go on at `time`.
local function leave(time) if not left or time < left then left = time end end

local function read(id)
  local r = redis.pcall('HMGET', job_key(id), 'v', 'cancel_requested', unpack(FIELDS))
  if r.err then return nil end
  if is_newer(table.remove(r, 1)) then return { newer = true } end
  local wish = table.remove(r, 1)
  if not r[1] or not r[2] then return nil end
  -- A megabyte in one field was written by hand: an answer that holds it would not arrive in time.
  for i = 1, #FIELDS do if r[i] and #r[i] > 1048576 then return nil end end
  return { state = r[1], account = r[2], fence = tonumber(r[3]) or 0, attempts = r[4] or '0', worker = r[5] or '',
    priority = r[6], seq = r[7], resubmits = tonumber(r[18]) or 0, slot = r[#FIELDS] or '', generation = r[10] or '',
    wish = wish and wish ~= '', values = r }
end

local function hand(id, r, step, probe, time)
  local request = step == 'submit' and redis.call('HGET', job_key(id), 'request') or ''
  bytes = bytes + #(request or '')
  redis.call('HSET', job_key(id), 'fence', r.fence + 1, 'worker', worker)
  redis.call('ZADD', key('due'), int(now + lease), id)
  if probe then
    redis.call('HSET', account_key(r.account), 'probe_until', int(now + lease))
    gates[r.account] = nil
  end
  local job = { id, r.fence + 1, step, probe and 1 or 0, request or '', int(math.max(0, now - time)) }
  for i = 1, #FIELDS do job[#job + 1] = r.values[i] or '' end
  jobs[#jobs + 1] = job
end
