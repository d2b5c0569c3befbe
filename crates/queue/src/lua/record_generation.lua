-- Records generations that Gamma made for jobs. Never refused: they were paid for. Safe to run twice.
-- KEYS: base
-- ARGV: events_cap ttl_ms item...
-- item: worker id fence generation_id delay_ms timeout_ms probe account slot kept_ms n field...
--   delay_ms    until the first look;  timeout_ms  until the deadline;  account and slot: its place in the budget, if the record is gone
--   kept_ms     how long after the time of its first look the worker that submitted it holds the job, under the next fence; 0: not at all, and
--               not any more where this was asked before; '' : whoever holds it goes on
--   n           how many texts of field follow: names and values of the record to set where the generation becomes the job's
-- Returns: for each item, in order: ok | kept and its deadline | known | recorded | extra | missing | failed and why; after it its moves, as ` from>to`
--   ok: polled from now on, or cancelled where that was asked for; kept: the same, and held; known: it was recorded before; recorded: put on a job
--   that is over or that someone else submits, or beside what a newer version wrote; extra: the job has another generation; missing: no such job
-- Works in a full Redis.
local function record(at)
  local worker, id, fence, generation = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local account, member = ARGV[at + 7], ARGV[at + 8]
  local r = redis.pcall('HMGET', job_key(id), 'state', 'fence', 'generation_id', 'extra_generation_id', 'account', 'slot',
    'attempts', 'v', 'cancel_requested', 'last_error', 'submit_failures', 'worker')
  local state, known, extra = r[1], r[3] or '', r[4] or ''
  local mine, newer = r[2] == fence, is_newer(r[8])

  -- Writes from here on.
  if not state then
    score_slot(account, member)
    count('extra_generations')
    event(id, '', '', worker, 'generation ' .. generation .. ' belongs to a job that is gone')
    return 'missing'
  end
  if known == generation or string.find(',' .. extra .. ',', ',' .. generation .. ',', 1, true) then
    if known == generation and not newer and ARGV[at + 9] == '0' then give_up_hold(id, fence, worker) end
    -- A write all the same: who repeats this wants a proof that it is stored, and one is given for writes alone.
    redis.call('HSET', job_key(id), known ~= '' and 'generation_id' or 'extra_generation_id', known ~= '' and known or extra)
    return 'known'
  end
  score_slot(account, member)
  spend_submit(account)
  if ARGV[at + 6] == '1' then unpause(account, id, worker) end
  if known ~= '' or newer then
    return keep_beside({ id = id, state = state, extra = extra, mine = mine, newer = newer }, generation, worker)
  end
  local fields = { 'generation_id', generation, 'submitted_at', int(now), 'deadline', int(now + ARGV[at + 5]) }
  -- What was paid for stands there first, whatever else becomes of the job; where nothing comes between, with the rest.
  local plain = state == 'submitting' and mine
  if not plain then set_fields(job_key(id), fields) fields = {} end
  tally('submitted')
  if state == 'ambiguous' or state == 'queued' or plain then
    local look, kept = now + ARGV[at + 4], plain and held_for({ worker = r[12], wish = r[9] }, worker, ARGV[at + 9]) or 0
    -- What belongs to the submit, or runs late, is never taken for what a look's hold says.
    local next_fence = int((tonumber(r[2]) or 0) + 1)
    for _, text in ipairs({ 'state', 'generating', 'worker', kept > 0 and worker or '', 'fence', next_fence, 'next_at', int(look), 'slot', '',
      unpack(ARGV, at + 11, at + 10 + ARGV[at + 10]) }) do fields[#fields + 1] = text end
    if kept > 0 then fields[#fields + 1] = 'kept_fence' fields[#fields + 1] = next_fence end
    if state == 'queued' then
      -- A resubmit was decided, but not begun: whoever holds the job can't begin it any more.
      redis.call('ZREM', key('pending:' .. r[5]), id)
      if r[6] and r[6] ~= '' then release_slot(r[5], r[6]) end
    end
    if not plain then redis.call('HDEL', job_key(id), 'error', 'finished_at') end
    set_fields(job_key(id), fields)
    if r[10] or r[11] then redis.call('HDEL', job_key(id), 'last_error', 'submit_failures') end
    if not plain then redis.call('ZREM', key('ambiguous'), id) redis.call('DEL', key('result:' .. id)) end
    if plain then place('due', id, int(look + kept))
    else redis.call('ZADD', key('due'), int(look), id) end
    local note = state == 'submitting' and '' or 'the answer came late'
    -- An earlier submit's answer: the last one is still unclear.
    if state == 'ambiguous' and not is_last(member, r[7]) then
      note = 'the answer of an earlier submit came late; whether Gamma accepted the last one too is not known'
      add_warning(id, note)
    end
    event(id, 'generating', state, worker, note)
    if r[9] and r[9] ~= '' then carry_out() carry_out_wish(id, worker) end
    return kept > 0 and 'kept ' .. fields[6] or 'ok'
  end
  event(id, state, state, worker, 'generation ' .. generation .. ' recorded late')
  write_result(id, 'keep')
  return 'recorded'
end
pass_when_full()
add = sum
return each(3, function(at) return 11 + ARGV[at + 10] end, record)
