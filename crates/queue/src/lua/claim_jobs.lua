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
-- job: id fence step probe request late_ms, then the FIELDS below, for a look the first ones; step is submit | look; probe is 1 where it tries a pause out
-- Works in a full Redis, where begin_submit refuses: what is under way goes on.
local worker, want, lease, on_ambiguous = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local max_resubmits, spread, looks, submits = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local lease_end = int(now + lease)
local foreign, gates, jobs, leases, left, bytes = {}, {}, {}, {}, nil, 0
if now > tonumber(ARGV[11]) then return { int(now), '', 0, 0, 0, 0, '', {} } end
if is_newer_layout() then return { int(now), '', 0, 0, 2, 0, '', {} } end
local reset = is_reset(ARGV[12]) and 1 or 0
if reset == 1 or is_queue_paused() then submits = 0 end
for i = 13, #ARGV do foreign[ARGV[i]] = true end
local FIELDS = { 'state', 'account', 'kind', 'generation_id', 'base_url', 'polls', 'poll_failures', 'deadline',
  'exports', 'late_until', 'created_at', 'traceparent', 'warnings', 'attempts', 'timeout', 'resubmits',
  'submit_failures', 'slot', 'gamma_id', 'files', 'pdf_url', 'pptx_url', 'png_url' }
-- A look is by far the most frequent: it reads the first 13, what is of submits and of files only where it is one. The
-- answer of the first read becomes the job's row of this script's answer: the six in front move to their places, and make
-- room for what a row begins with.
local LOOK, SUBMIT = 13, 18
local HEAD = { 'v', 'fence', unpack(FIELDS, LOOK - 3, LOOK) }
for i = 1, LOOK - 4 do HEAD[6 + i] = FIELDS[i] end
local OF_SUBMIT = { 'cancel_requested', 'priority', 'seq', unpack(FIELDS, LOOK + 1, SUBMIT) }

-- What stays in the schedule though it is due can go on at `time`.
local function leave(time) if not left or time < left then left = time end end

local function read(id)
  local record = job_key(id)
  local r = redis.pcall('HMGET', record, unpack(HEAD))
  if r.err then return nil end
  if is_newer(r[1]) then return { newer = true } end
  local state, account, last = r[7], r[8], LOOK
  if not state or not account then return nil end
  r.record, r.state, r.account, r.fence = record, state, account, tonumber(r[2]) or 0
  for i = 3, 6 do r[LOOK + i] = r[i] end
  if state == 'queued' or state == 'submitting' then
    last = SUBMIT
    local more = redis.call('HMGET', record, unpack(OF_SUBMIT))
    r.wish, r.priority, r.seq, r.generation = more[1] and more[1] ~= '', more[2], more[3], r[10] or ''
    r.attempts, r.resubmits, r.slot = more[4] or '0', tonumber(more[6]) or 0, more[8] or ''
    for i = 4, #OF_SUBMIT do r[3 + LOOK + i] = more[i] end
  elseif state == 'exporting' or (r[15] and r[15] ~= '') then
    last = #FIELDS
    for i = LOOK + 1, SUBMIT do r[6 + i] = '' end
    for i, value in ipairs(redis.call('HMGET', record, unpack(FIELDS, SUBMIT + 1))) do r[6 + SUBMIT + i] = value end
  end
  -- A megabyte in one field was written by hand: an answer that holds it would not arrive in time.
  for i = 7, 6 + last do
    if not r[i] then r[i] = '' elseif #r[i] > 1048576 then return nil end
  end
  return r
end

-- Jobs are put into the schedule together, looks and then the submits of an account: where the call breaks off before, they are still
-- where they were. Not so a look that tries a pause out: others wait for the end of its lease.
local function hand(id, r, step, probe, time)
  bytes = bytes + #(r.request or '')
  if step == 'submit' then redis.call('HSET', r.record, 'fence', r.fence + 1, 'worker', worker, 'slot', r[6 + SUBMIT])
  else redis.call('HSET', r.record, 'fence', r.fence + 1, 'worker', worker) end
  if step == 'look' and probe then redis.call('ZADD', key('due'), lease_end, id)
  else leases[#leases + 1] = lease_end leases[#leases + 1] = id end
  if probe then
    redis.call('HSET', account_key(r.account), 'probe_until', lease_end)
    gates[r.account] = nil
  end
  r[1], r[2], r[3], r[4], r[5], r[6] = id, r.fence + 1, step, probe and 1 or 0, r.request or '', math.max(0, now - time)
  jobs[#jobs + 1] = r
end
