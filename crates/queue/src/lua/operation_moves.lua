-- The moves that operators' commands share.
-- Takes a job out of whatever hands it is in: the fence grows, so nothing that they write counts any more, except a
-- generation. What its claim took is given back: the slot of a submit that was not begun, the turn to try an account out.
local function take_back(id, r)
  if r.state == 'queued' and r.slot ~= '' then release_slot(r.account, r.slot) end
  local lease_end = redis.call('ZSCORE', key('due'), id)
  if r.worker ~= '' and lease_end and redis.call('HGET', account_key(r.account), 'probe_until') == lease_end then
    redis.call('HDEL', account_key(r.account), 'probe_until')
  end
  if r.worker ~= '' then recall('job ' .. id) end
  redis.call('HINCRBY', job_key(id), 'fence', 1)
  redis.call('HSET', job_key(id), 'worker', '', 'slot', '')
end

-- Out of the place where it rested.
local function leave_end(id, r)
  redis.call('PERSIST', job_key(id))
  redis.call('ZREM', key(r.state), id)
  redis.call('DEL', key('result:' .. id))
  withdraw_callback(id)
  redis.call('HDEL', job_key(id), 'error', 'last_error', 'finished_at', 'next_at', 'late', 'late_until', 'poll_failures',
    'progress', 'progress_quarter', 'submit_failures', 'unclear_answer', 'cancel_requested', 'cancel_requested_by')
end

-- For one more submit. `attempts` and `intent` stay: by them a journal knows that Redis knows of the POSTs before, and a
-- new attempt has a number, and with it a slot, of its own.
local function submit_again(id, r)
  leave_end(id, r)
  if r.generation ~= '' then
    redis.call('HSET', job_key(id), 'extra_generation_id', r.extra == '' and r.generation or r.extra .. ',' .. r.generation)
  end
  redis.call('HDEL', job_key(id), 'generation_id', 'submitted_at', 'deadline', 'gamma_id', 'gamma_url', 'title', 'summary',
    'export_url', 'pdf_url', 'pptx_url', 'png_url', 'credits_deducted', 'credits_remaining', 'submit_request_id', 'files')
  redis.call('ZREM', key('links'), id)
  for _, format in ipairs({ 'pdf', 'pptx', 'png' }) do
    redis.call('HDEL', job_key(id), format .. '_stored', format .. '_bytes', format .. '_sha256', format .. '_error',
      format .. '_linked_at')
  end
  redis.call('HINCRBY', job_key(id), 'asked_again', 1)
  redis.call('HSET', job_key(id), 'state', 'queued')
  redis.call('ZADD', key('pending:' .. r.account), pending_score(r.priority, r.seq), id)
  wake(r.account, now)
end

-- Why there can't be one more; nil where there can.
local function no_submit(id, r)
  local request = redis.call('HGET', job_key(id), 'request')
  if not request or request == '' then return 'its request is kept no more: enqueue it under another id' end
  if redis.call('EXISTS', account_key(r.account)) == 0 then
    return 'no worker has had an API key for account ' .. r.account .. ': give one to a worker first'
  end
end

-- Looked at from now on, with a new deadline.
local function look_from_now(id, r, classic_ms, agent_ms)
  leave_end(id, r)
  local timeout = r.timeout and r.timeout * 1000 or tonumber(r.kind == 'agent' and agent_ms or classic_ms)
  redis.call('HSET', job_key(id), 'state', 'generating', 'next_at', int(now), 'deadline', int(now + timeout))
  redis.call('ZADD', key('due'), int(now), id)
end
