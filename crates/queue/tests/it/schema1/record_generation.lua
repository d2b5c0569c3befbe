-- Records the generation that Gamma made for a job. Never refused: it was paid for. Safe to run twice.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker id fence generation_id delay_ms timeout_ms probe account slot field...
--   delay_ms    until the first look;  timeout_ms  until the deadline
--   account     and slot: the submit's place in the budget, known here even if the record is gone
--   field...    names and values of the record to set where the generation becomes the job's
-- Returns: ok | known | recorded | extra | missing
--   ok: polled from now on; known: it was recorded before; recorded: kept on a job that is over or that someone
--   else submits; extra: the job has another generation already; missing: no such job, said in `events`
-- Works in a full Redis.
local worker, id, fence, generation = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local r = redis.pcall('HMGET', job_key(id), 'state', 'fence', 'generation_id', 'extra_generation_id', 'account', 'slot',
  'attempts')
local state, known, extra = r[1], r[3] or '', r[4] or ''
local mine = r[2] == fence
-- A slot is named by the attempts before it; see prelude.lua.
local function is_last(slot, attempts) return tonumber(string.match(slot, '%.(%d+)$')) == (tonumber(attempts) or 0) - 1 end

-- Writes from here on.
pass_when_full()
if not state then
  score_slot(ARGV[10], ARGV[11])
  count('extra_generations')
  event(id, '', '', worker, 'generation ' .. generation .. ' belongs to a job that is gone')
  return 'missing'
end
if known == generation or string.find(',' .. extra .. ',', ',' .. generation .. ',', 1, true) then
  -- A write all the same: who repeats this wants a proof that it is stored, and one is given for writes alone.
  if known ~= '' then redis.call('HSET', job_key(id), 'generation_id', known) end
  return 'known'
end
score_slot(ARGV[10], ARGV[11])
if ARGV[9] == '1' then unpause(ARGV[10], id, worker) end
if known ~= '' then
  redis.call('HSET', job_key(id), 'extra_generation_id', extra == '' and generation or extra .. ',' .. generation)
  count('extra_generations')
  event(id, state, state, worker, 'a second generation was made and paid for: ' .. generation)
  if mine and state == 'submitting' then
    redis.call('HSET', job_key(id), 'state', 'generating', 'worker', '', 'slot', '', 'next_at', int(now))
    redis.call('ZADD', key('due'), int(now), id)
    event(id, 'generating', state, worker, '')
  end
  write_result(id, 'keep')
  return 'extra'
end

redis.call('HSET', job_key(id), 'generation_id', generation, 'submitted_at', int(now),
  'deadline', int(now + ARGV[8]))
count('submitted')
if state == 'ambiguous' or state == 'queued' or (state == 'submitting' and mine) then
  local fields = { 'state', 'generating', 'worker', '', 'next_at', int(now + ARGV[7]),
    'slot', '', 'last_error', '', 'submit_failures', '' }
  for i = 12, #ARGV do fields[#fields + 1] = ARGV[i] end
  if state == 'queued' then
    -- A resubmit was decided, but not begun: whoever holds the job can't begin it any more.
    redis.call('ZREM', key('pending:' .. r[5]), id)
    if r[6] and r[6] ~= '' then release_slot(r[5], r[6]) end
  end
  if not mine or state ~= 'submitting' then
    redis.call('HSET', job_key(id), 'fence', int((tonumber(r[2]) or 0) + 1))
    redis.call('HDEL', job_key(id), 'error', 'finished_at')
  end
  set_fields(job_key(id), fields)
  redis.call('ZREM', key('ambiguous'), id)
  redis.call('DEL', key('result:' .. id))
  redis.call('ZADD', key('due'), int(now + ARGV[7]), id)
  local note = state == 'submitting' and '' or 'the answer came late'
  -- An earlier submit's answer: the last one is still unclear, and its generation, if there is one, nowhere else.
  if state == 'ambiguous' and not is_last(ARGV[11], r[7]) then
    note = 'the answer of an earlier submit came late; whether Gamma accepted the last one too is not known'
    add_warning(id, note)
  end
  event(id, 'generating', state, worker, note)
  return 'ok'
end
event(id, state, state, worker, 'generation ' .. generation .. ' recorded late')
write_result(id, 'keep')
return 'recorded'
