-- A part of settle_jobs: carries one item out.
local function settle(item)
  local id = item.id
  local v = redis.pcall('HMGET', job_key(id), 'state', 'fence', 'worker', 'account', 'slot', 'priority', 'seq',
    'generation_id', 'v', 'next_at', 'polls', 'kept_fence', 'poll_failures', 'last_error', 'credits_deducted',
    'spent_for')
  if is_newer(v[9]) then return 'stale' end
  if not v[1] then return 'missing' end
  local r = { state = v[1], account = v[4], slot = v[5] or '', priority = v[6], seq = v[7] }
  if v[2] ~= item.fence or v[3] ~= worker or not FROM[item.verb][r.state] then return 'stale' end
  if item.verb == 'keep' and has_run(v[11], item.fields) then return 'kept' end
  if not is_troubled(v[13], v[14]) then item.fields = without_no_trouble(item.fields) end

  -- Writes from here on.
  local paused
  if item.pause == 'rate_limited' then
    paused = pause(r.account, item.pause, item.pause_ms, first, most, item.jitter, id, worker)
  elseif item.pause ~= '' then
    paused = pause(r.account, item.pause, item.pause_ms, trouble, trouble_most, item.jitter, id, worker)
  elseif item.probe == 'good' then unpause(r.account, id, worker)
  elseif item.probe == 'open' then redis.call('HDEL', account_key(r.account), 'probe_until')
  end
  set_account_fields(r.account, item.account_fields, id, worker)
  -- Before what ends the hold: a link that stands nowhere else would never be taken off the record.
  note_links(id, item.fields)
  local verb, to, fields = item.verb, TO[item.verb], with_progress(id, r.state, item.fields, worker)
  if (r.state == 'generating' or r.state == 'timed_out') and verb ~= 'release' then tally('polls') end
  -- A pause is for the schedule to keep.
  if verb == 'keep' and paused then verb = 'again' end
  if verb == 'again' or verb == 'keep' then
    local time = now + item.delay
    if paused then time = math.max(time, paused + math.random(0, spread)) end
    for _, text in ipairs({ 'next_at', int(time), 'worker', verb == 'again' and '' or worker }) do fields[#fields + 1] = text end
    if verb == 'keep' then fields[#fields + 1] = 'kept_fence' fields[#fields + 1] = item.fence end
    place('due', id, int(verb == 'keep' and time + kept_for or time))
  end
  local is_known = r.state == 'submitting' and v[8] and v[8] ~= ''
  if to and not is_known then
    leave_slot(r, to)
    for _, text in ipairs({ 'state', to, 'worker', '', 'slot', '', 'next_at', '', 'finished_at', int(now) }) do
      fields[#fields + 1] = text
    end
    if to ~= 'timed_out' then spend_credits(id, r.account, { value_of(fields, 'credits_deducted') or v[15], v[8], v[16] }, fields) end
  end
  set_fields(job_key(id), fields)
  -- The answer was unclear, but a generation is known by now: look at that one.
  if is_known then
    if r.slot ~= '' and verb == 'requeue' then release_slot(r.account, r.slot) end
    if r.slot ~= '' and verb == 'fail' then score_slot(r.account, r.slot) end
    redis.call('HSET', job_key(id), 'state', 'generating', 'slot', '')
    redis.call('HDEL', job_key(id), 'error')
    if verb == 'park' or verb == 'resubmit' then add_warning(id, 'a later submit: ' .. item.note) end look_at(id, now)
    event(id, 'generating', r.state, worker, item.note)
    carry_out_wish(id, worker)
    return 'ok'
  end
  if verb == 'keep' then return 'kept'
  elseif verb == 'again' then
    if r.state == 'exporting' then write_result(id, nil) end
  elseif verb == 'export' then begin_exports(id, r, item.note)
  -- A job that was kept has its time, also one that is past: how late it is stays to be seen.
  elseif verb == 'release' and r.state ~= 'queued' then look_at(id, v[12] == item.fence and tonumber(v[10]) or now)
  elseif verb == 'release' then give_back(id, r, 0)
  elseif verb == 'requeue' then
    give_back(id, r, paused and 0 or item.delay)
    if r.state ~= 'queued' then event(id, 'queued', r.state, worker, item.note) end
  elseif verb == 'resubmit' then
    r.slot = ''
    count('resubmits')
    give_back(id, r, item.delay)
    event(id, 'queued', r.state, worker, item.note)
  elseif verb == 'rest' then
    rest(id, r)
  else
    over(id, r, to)
    event(id, to, r.state, worker, item.note)
  end
  if r.state == 'submitting' then carry_out_wish(id, worker, verb == 'resubmit' and UNCLEAR) end
  return 'ok'
end
