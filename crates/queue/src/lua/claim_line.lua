-- A part of claim_jobs: what a turn needs of its account. It is read once a call and kept up to date here; what turns write into keys
-- of an account is written when the account has no more of them.
-- Read in the order in which a row of the answer has it; the first six make room for what a row begins with.
local TO_SUBMIT = { 'v', 'fence', 'cancel_requested', 'priority', 'seq', 'request', unpack(FIELDS, 1, SUBMIT) }
local function read_queued(id)
  local record = job_key(id)
  local r = redis.pcall('HMGET', record, unpack(TO_SUBMIT))
  if r.err then return nil end
  if is_newer(r[1]) then return { newer = true } end
  if not r[7] or not r[8] then return nil end
  r.record, r.state, r.account, r.fence = record, r[7], r[8], tonumber(r[2]) or 0
  r.wish, r.seq, r.request, r.attempts = r[3] and r[3] ~= '', r[5], r[6] or '', r[20] or '0'
  for i = 7, 6 + SUBMIT do
    if not r[i] then r[i] = '' elseif #r[i] > 1048576 then return nil end
  end
  return r
end

-- Of each account: the jobs at the head of its line, how many slots are used, whether its credits are below the floor, and the jobs
-- that were handed out: they stay at the head of the line until they are taken out of it. What else has its turn leaves the line.
local lines = {}
local function line_of(account)
  lines[account] = lines[account] or { head = {}, at = 1, handed = {}, slots = {} }
  return lines[account]
end

-- The first job that had no turn yet, and its rank; `others` says how many accounts there are to share what is wanted with.
local function first_of(account, others)
  local line = line_of(account)
  if not line.head[line.at] then
    local share = math.ceil(math.min(want - #jobs, submits) / (others + 1))
    line.at, line.head = 1, redis.call('ZRANGE', key('pending:' .. account), #line.handed, #line.handed + share - 1, 'WITHSCORES')
  end
  return line.head[line.at], line.head[line.at + 1]
end
-- The first one had its turn.
local function step(account) line_of(account).at = line_of(account).at + 2 end

local function used_by(account, window)
  local line = line_of(account)
  line.used, line.window = line.used or used_slots(account, window), window
  return line.used
end

local function is_short_of_credits(account)
  local line = line_of(account)
  if line.below == nil then line.below = is_below_floor(account) end
  return line.below and held_by_floor(account)
end

-- Charged is the account in whose line it stood: where the record names another one, begin_submit finds no slot there.
local function hand_to_submit(account, id, r, probe, used)
  local line, member = line_of(account), slot(id, r.seq, r.attempts)
  line.handed[#line.handed + 1], line.slots[#line.slots + 1], line.used = id, member, used + 1
  r[6 + SUBMIT] = member
  hand(id, r, 'submit', probe, now)
end

-- Writes what turns of the account came to. The charges come first, and out of the line comes last: whatever breaks off, a job
-- stands somewhere.
local function close_line(account)
  local line = lines[account]
  if not line or #line.handed == 0 then return end
  -- Scored with the end of the lease: no byte of their POSTs leaves later, unless begin_submit says so.
  charge_slots(account, line.slots, now + lease, line.window)
  redis.call('HSET', account_key(account), 'used', line.used)
  if #leases > 0 then redis.call('ZADD', key('due'), unpack(leases)) leases = {} end
  redis.call('ZREM', key('pending:' .. account), unpack(line.handed))
  lines[account] = nil
end
