-- Decides about a job that is parked, since whether Gamma accepted it is not known.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker by entry id as generation_id timeout_ms agent_timeout_ms
--   as          generation (this one is the job's: look at it), resubmit (one more POST), fail (give up)
--   timeout_ms  from now to the deadline, and agent_timeout_ms that of agent jobs, where the caller named none
-- Returns: outcome text, as cancel_job does
-- Works in a full Redis: what it puts in line waits for begin_submit, which doesn't.
-- The fence grows; a POST whose answer comes late is still recorded, as `extra_generation_id` where there is one.
local id, as, generation = ARGV[6], ARGV[7], ARGV[8]
local r, no = look(id)
if not r then return no end
local job, what = 'job ' .. id .. ' is ' .. r.state, 'resolve as ' .. as
if r.state ~= 'ambiguous' then
  if r.last == what and (as ~= 'generation' or r.generation == generation) then
    return decline('already', id, job .. ': ' .. r.last_by .. ' decided so already')
  end
  if as == 'generation' and r.generation == generation then
    return decline('already', id, job .. ' with this generation already')
  end
  return decline('refused', id, job .. ': only a parked job is resolved')
end
local why = as == 'resubmit' and no_submit(id, r)
if why then return decline('refused', id, job .. ': ' .. why) end

-- Writes from here on.
pass_when_full()
note_operation(id, what)
take_back(id, r)
if as == 'resubmit' then
  submit_again(id, r)
  event(id, 'queued', r.state, worker, told('resolve: submit it again; should Gamma have accepted before, it is paid for twice'), by)
  return done('done', 'job ' .. id .. ' is queued again: it is submitted when its turn comes; should Gamma have accepted before, it is paid for twice')
end
if as == 'fail' then
  local text = 'given up by ' .. by .. '; whether Gamma accepted it is not known'
  redis.call('ZREM', key('ambiguous'), id)
  redis.call('HSET', job_key(id), 'state', 'failed', 'finished_at', int(now), 'error', '{"kind":"gave_up","message":' ..
    json_text(text) .. ',"status":null,"requestId":null}')
  end_job(id, 'failed')
  event(id, 'failed', r.state, worker, told('resolve: given up'), by)
  return done('done', 'job ' .. id .. ' failed: it is given up, and nothing more is sent for it')
end
look_from_now(id, r, ARGV[9], ARGV[10])
-- One that it had before is its own again, and no other is forgotten for it.
local others, was_known = {}, false
for other in string.gmatch(r.extra .. ',' .. r.generation, '[^,]+') do
  if other == generation then was_known = true else others[#others + 1] = other end
end
redis.call('HDEL', job_key(id), 'extra_generation_id')
redis.call('HSET', job_key(id), 'generation_id', generation, 'submitted_at', redis.call('HGET', job_key(id), 'intent_at') or int(now))
if #others > 0 then redis.call('HSET', job_key(id), 'extra_generation_id', table.concat(others, ',')) end
if not was_known then count('submitted') spend_submit(r.account) end
event(id, 'generating', r.state, worker, told('resolve: generation ' .. generation .. ' is the one'), by)
return done('done', 'job ' .. id .. ' is generating: generation ' .. generation .. ' is looked at from now on')
