-- The schedule of callbacks: `callbacks` holds jobs whose caller is to be told of their end, with the time of the next
-- attempt or the end of the lease of whoever makes it. `callback_failed` holds those that were given up.
-- A callback never changes its job: whatever is wrong with these keys, the job ends as it does.
-- Kept for so long at least while a callback is due, however short results are kept: a day of attempts, and an hour.
local CALLBACK_KEPT_MS = 90000000

local function is_to_be_told(id)
  local due = redis.pcall('ZSCORE', key('callbacks'), id)
  return due and type(due) ~= 'table'
end

local function keep_for_callback(id, kept_ms)
  if not is_to_be_told(id) then return end
  for _, target in ipairs({ job_key(id), key('result:' .. id) }) do
    local left = redis.call('PTTL', target)
    if left >= 0 and left < kept_ms then redis.call('PEXPIRE', target, int(kept_ms)) end
  end
end

-- Nobody is to be told any more.
local function forget_callback(id)
  redis.pcall('ZREM', key('callbacks'), id)
  redis.pcall('ZREM', key('callback_failed'), id)
end

-- The job goes on after an end: what became of telling it says nothing about the job any more.
local function withdraw_callback(id)
  forget_callback(id)
  redis.call('HDEL', job_key(id), 'callback_status', 'callback_error', 'callback_at')
end

-- The job came to an end: its caller is told, from now on. Each end is a message with an id of its own, which stays over
-- all attempts; one that was not delivered yet gives way to it.
local function call_back(id, state)
  local r = redis.call('HMGET', job_key(id), 'callback', 'seq')
  if not r[1] or r[1] == '' then return end
  local fence = redis.pcall('HINCRBY', job_key(id), 'callback_fence', 1)
  if type(fence) == 'table' then return end
  local life = redis.pcall('HGET', key('stats'), 'queue_id')
  if type(life) ~= 'string' then life = int(now) end
  redis.call('HSET', job_key(id), 'callback_state', state, 'callback_status', 'due', 'callback_attempts', '0',
    'callback_id', 'msg_' .. life .. '_' .. (r[2] or '') .. '_' .. fence, 'callback_since', int(now), 'callback_worker', '')
  redis.call('HDEL', job_key(id), 'callback_error', 'callback_at')
  forget_callback(id)
  redis.pcall('ZADD', key('callbacks'), int(now), id)
  keep_for_callback(id, CALLBACK_KEPT_MS)
end
