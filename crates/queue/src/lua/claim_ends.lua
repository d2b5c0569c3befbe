-- A part of claim_jobs: what becomes of jobs whose lease ended before their POST was answered.
-- Back in line at its old place. The fence grows, so the worker that had it can't begin.
local function requeue(id, r)
  redis.call('HSET', job_key(id), 'state', 'queued', 'fence', r.fence + 1, 'worker', '', 'next_at', '', 'slot', '')
  redis.call('ZREM', key('due'), id)
  redis.call('ZADD', key('pending:' .. r.account), pending_score(r.priority, r.seq), id)
  wake(r.account, now)
end

local function end_submit(id, r)
  if r.generation ~= '' then
    redis.call('HSET', job_key(id), 'state', 'generating', 'worker', '', 'slot', '')
    leave(now)
    local note = 'the worker died while it submitted: whether Gamma accepted that too is not known; a generation is'
    add_warning(id, note)
    event(id, 'generating', 'submitting', worker, note)
    return carry_out_wish(id, worker)
  end
  if on_ambiguous == 'resubmit' and r.resubmits < max_resubmits then
    redis.call('HSET', job_key(id), 'resubmits', r.resubmits + 1)
    count('resubmits')
    requeue(id, r)
    event(id, 'queued', 'submitting', worker, 'the worker died while it submitted; policy resubmit')
    return carry_out_wish(id, worker, UNCLEAR)
  end
  redis.call('HSET', job_key(id), 'state', 'ambiguous', 'fence', r.fence + 1, 'worker', '', 'next_at', '',
    'finished_at', int(now), 'error', '{"kind":"ambiguous","message":"the worker died while it submitted: ' ..
    'whether Gamma accepted is not known","status":null,"requestId":null}')
  end_job(id, 'ambiguous')
  event(id, 'ambiguous', 'submitting', worker, 'the worker died while it submitted')
end
