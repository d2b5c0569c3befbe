-- The second part of accept_jobs: writes the jobs. What they need of a key that all share is written in one command at the end.

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
local seq = redis.call('HINCRBY', key('stats'), 'accepted', #new) - #new
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

local written, due, pending = 0, {}, {}
local function begin(at, state, request)
  local entry, id, run_at, account, priority = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 5]), ARGV[at + 6], ARGV[at + 7]
  local job = job_key(id)
  seq, written = seq + 1, written + 1
  local fields = { 'id', id, 'v', '1', 'state', state, 'account', account, 'priority', priority, 'created_at', now_text,
    'seq', whole(seq), 'fence', '0', 'attempts', '0', 'polls', '0', 'fingerprint', ARGV[at + 8], 'entry_id', entry,
    unpack(ARGV, at + 11, at + 10 + ARGV[at + 10]) }
  -- Together with the others: a hash that grows by a long field is made anew.
  if request then fields[#fields + 1] = 'request' fields[#fields + 1] = request end
  redis.call('HSET', job, unpack(fields))
  if state == 'failed' then
    redis.call('HSET', job, 'error', ARGV[at + 4], 'finished_at', now_text)
    count('rejected')
    end_job(id, 'failed')
  elseif run_at > now then
    redis.call('HSET', job, 'next_at', int(run_at))
    due[#due + 1] = int(run_at)
    due[#due + 1] = id
  else
    local list = pending[account]
    if not list then list = {} pending[account] = list end
    list[#list + 1] = pending_score(priority, seq)
    list[#list + 1] = id
  end
  event(id, state, '', worker, '')
end
