-- A slot is named by the attempts before it.
local function is_last(slot, attempts) return tonumber(string.match(slot, '%.(%d+)$')) == (tonumber(attempts) or 0) - 1 end

-- A generation that can't become its job's: kept beside what stands there. Answers what became of it.
local function keep_beside(job, generation, worker)
  local id, state = job.id, job.state
  -- What a newer version does with a generation isn't known here: beside its own it can't be mistaken.
  redis.call('HSET', job_key(id), 'extra_generation_id', job.extra == '' and generation or job.extra .. ',' .. generation)
  count('extra_generations')
  event(id, state, state, worker, (job.newer and 'kept beside a record of a newer version: ' or
    'a second generation was made and paid for: ') .. generation)
  if job.newer then return 'recorded' end
  if job.mine and state == 'submitting' then
    redis.call('HSET', job_key(id), 'state', 'generating', 'worker', '', 'slot', '', 'next_at', int(now))
    redis.call('ZADD', key('due'), int(now), id)
    event(id, 'generating', state, worker, '')
    carry_out_wish(id, worker)
  end
  write_result(id, 'keep')
  return 'extra'
end
