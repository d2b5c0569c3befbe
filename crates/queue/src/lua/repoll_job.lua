-- Looks at a timed-out job again, with a new deadline: it was paid for.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker by entry id timeout_ms agent_timeout_ms
--   timeout_ms  from now to the deadline, and agent_timeout_ms that of agent jobs, where the caller named none
-- Returns: outcome text, as cancel_job does
-- Works in a full Redis. The fence grows: a late look under way counts no more.
local id = ARGV[6]
local r, no = look(id)
if not r then return no end
local job = 'job ' .. id .. ' is ' .. r.state
local INSTEAD = { queued = 'it was not submitted yet', submitting = 'its POST is under way', completed = 'its deck is there',
  failed = 'Gamma makes nothing for it any more; retry it for one more submit', cancelled = 'it was cancelled',
  ambiguous = 'no generation is known; resolve it first' }
if r.state == 'generating' or r.state == 'exporting' then
  return decline('already', id, job .. ': it is looked at as ever')
end
if r.state ~= 'timed_out' then return decline('refused', id, job .. ': ' .. (INSTEAD[r.state] or 'it can not be looked at')) end
if r.generation == '' then return decline('refused', id, job .. ', and its record names no generation to look at') end

-- Writes from here on.
pass_when_full()
note_operation(id, 'repoll')
take_back(id, r)
look_from_now(id, r, ARGV[7], ARGV[8])
event(id, 'generating', r.state, worker, told('repoll: looked at again, with a new deadline'), by)
return done('done', 'job ' .. id .. ' is generating: it is looked at from now on, with a new deadline')
