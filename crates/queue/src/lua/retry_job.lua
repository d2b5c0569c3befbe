-- Puts a job that failed or was cancelled in line again: a new submit, in a new slot, paid for again.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker by entry id
-- Returns: outcome text, as cancel_job does
-- Works in a full Redis: what it puts in line waits for begin_submit, which doesn't.
-- A generation that the job had stays on its record, in `extra_generation_id`.
local id = ARGV[6]
local r, no = look(id)
if not r then return no end
local job = 'job ' .. id .. ' is ' .. r.state
local UNDER_WAY = { queued = 'it is submitted when its turn comes', submitting = 'its POST is under way',
  generating = 'it is looked at', exporting = 'its files are being made' }
local INSTEAD = { completed = 'its deck is there; for another one enqueue it under another id',
  timed_out = 'Gamma was paid for it; repoll it instead', ambiguous = 'it may be paid for; resolve it instead' }
if UNDER_WAY[r.state] and r.last == 'retry' then
  return decline('already', id, job .. ' again already, as ' .. r.last_by .. ' asked')
end
if UNDER_WAY[r.state] then return decline('refused', id, job .. ': ' .. UNDER_WAY[r.state] .. ', there is nothing to retry') end
if r.state ~= 'failed' and r.state ~= 'cancelled' then
  return decline('refused', id, job .. ': ' .. (INSTEAD[r.state] or 'it can not be retried'))
end
if string.find(redis.call('HGET', job_key(id), 'error') or '', '"kind":"invalid_request"', 1, true) then
  return decline('refused', id, job .. ': its request can not be used; correct it and enqueue it under another id')
end
local why = no_submit(id, r)
if why then return decline('refused', id, job .. ': ' .. why) end

-- Writes from here on.
pass_when_full()
note_operation(id, 'retry')
take_back(id, r)
submit_again(id, r)
event(id, 'queued', r.state, worker, told('retry: one more submit, paid for again'), by)
return done('done', 'job ' .. id .. ' is queued again: it is submitted when its turn comes, and that is paid for again')
