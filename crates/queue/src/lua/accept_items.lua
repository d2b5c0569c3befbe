-- The second part of accept_jobs: writes the jobs. What they need of a key that all share is written in one command,
-- and before them: an index that has an id without a record is put right, a record that is in no index waits for ever.

-- No write may fail by type once the first is made.
local checked = {}
local function zset(name)
  if checked[name] then return end
  checked[name] = true
  local kind = redis.call('TYPE', key(name)).ok
  if kind ~= 'none' and kind ~= 'zset' then error('WRONGTYPE ' .. key(name) .. ' is a ' .. kind) end
end
for i, at in ipairs(places) do
  if outcomes[i] == 'queued' then zset('pending:' .. ARGV[at + 6]) zset('accounts') zset('due') end
end

-- Writes from here on. The first is one that a full Redis refuses: the others would pass it after an XACK.
redis.call('HINCRBY', key('stats'), 'accepted', 0)
-- Earlier jobs of these ids expired: what they left must not be taken for the new ones'.
if #new > 0 then
  local results = {}
  for i, id in ipairs(new) do results[i] = key('result:' .. id) end
  for _, index in ipairs({ 'completed', 'failed', 'timed_out', 'cancelled', 'links' }) do
    redis.call('ZREM', key(index), unpack(new))
  end
  redis.call('UNLINK', unpack(results))
  redis.pcall('ZREM', key('callbacks'), unpack(new))
  redis.pcall('ZREM', key('callback_failed'), unpack(new))
end

local seq, written, due, pending = redis.call('HINCRBY', key('stats'), 'accepted', #new) - #new, 0, {}, {}
local seqs = {}
local function plan(i, at)
  local id, run_at, account = ARGV[at + 1], tonumber(ARGV[at + 5]), ARGV[at + 6]
  seq = seq + 1
  seqs[i] = int(seq)
  if outcomes[i] == 'failed' then return end
  local list = due
  if run_at <= now then
    list = pending[account] or {}
    pending[account] = list
  end
  list[#list + 1] = run_at > now and int(run_at) or pending_score(ARGV[at + 7], seq)
  list[#list + 1] = id
end

local function begin(i, at, state)
  local entry, id, run_at, job = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 5]), job_key(ARGV[at + 1])
  local fields = { 'id', id, 'v', '1', 'state', state, 'account', ARGV[at + 6], 'priority', ARGV[at + 7], 'created_at', now_text,
    'seq', seqs[i], 'fence', '0', 'attempts', '0', 'polls', '0', 'fingerprint', ARGV[at + 8], 'entry_id', entry,
    unpack(ARGV, at + 11, at + 10 + ARGV[at + 10]) }
  local function add(name, value)
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  -- Together with the others: a hash that grows by a long field is made anew.
  if requests[i] then add('request', requests[i]) end
  if state == 'queued' and run_at > now then add('next_at', int(run_at)) end
  redis.call('HSET', job, unpack(fields))
  written = written + 1
  if state == 'failed' then
    redis.call('HSET', job, 'error', ARGV[at + 4], 'finished_at', now_text)
    count('rejected')
    end_job(id, 'failed')
  end
  event(id, state, '', worker, '')
end
