-- The second part of accept_jobs: writes the jobs.

-- An earlier job of this id expired: what it left must not be taken for the new one's.
local function forget_end(id)
  for _, state in ipairs({ 'completed', 'failed', 'timed_out', 'cancelled' }) do redis.call('ZREM', key(state), id) end
  redis.call('ZREM', key('links'), id)
  redis.call('UNLINK', key('result:' .. id))
  forget_callback(id)
end

-- No write may fail by type once the first is made.
local function zset(name)
  local kind = redis.call('TYPE', key(name)).ok
  if kind ~= 'none' and kind ~= 'zset' then error('WRONGTYPE ' .. key(name) .. ' is a ' .. kind) end
end
for _, item in ipairs(items) do
  if item.outcome == 'queued' then zset('pending:' .. item.account) zset('accounts') zset('due') end
end

-- Writes from here on. The first is one that a full Redis refuses: the others would pass it after an XACK.
redis.call('HINCRBY', key('stats'), 'accepted', 0)
local outcomes = {}
for i, item in ipairs(items) do
  local target, fields = job_key(item.id), item.fields
  if item.outcome == 'queued' or item.outcome == 'failed' then
    forget_end(item.id)
    local seq = redis.call('HINCRBY', key('stats'), 'accepted', 1)
    for _, text in ipairs({ 'id', item.id, 'v', '1', 'state', item.outcome, 'account', item.account, 'priority',
      item.priority, 'created_at', int(now), 'seq', seq, 'fence', '0', 'attempts', '0', 'polls', '0',
      'fingerprint', item.fingerprint, 'entry_id', item.entry }) do fields[#fields + 1] = text end
    if item.request and item.keep then fields[#fields + 1] = 'request' fields[#fields + 1] = item.request end
    set_fields(target, fields)
    if item.outcome == 'failed' then
      redis.call('HSET', target, 'error', item.error, 'finished_at', int(now))
      count('rejected')
      end_job(item.id, 'failed')
    elseif item.run_at > now then
      redis.call('HSET', target, 'next_at', int(item.run_at))
      redis.call('ZADD', key('due'), int(item.run_at), item.id)
    else
      redis.call('ZADD', key('pending:' .. item.account), pending_score(item.priority, seq), item.id)
      wake(item.account, now)
    end
    event(item.id, item.outcome, '', worker, '')
  elseif item.outcome == 'conflict' then
    if not is_newer(redis.pcall('HGET', target, 'v')) then redis.call('HINCRBY', target, 'conflicts', 1) end
    count('conflicts')
    event(item.id, '', '', worker, 'conflict: entry ' .. item.entry .. ' asks for something else under this id')
  elseif item.outcome == 'known' then
    count('duplicates')
  end
  redis.call('XACK', key('inbox'), 'workers', item.entry)
  redis.call('XDEL', key('inbox'), item.entry)
  outcomes[i] = item.outcome
end
return outcomes
