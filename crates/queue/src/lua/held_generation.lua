-- A part of record_generation: the hold under which the worker that submitted a job looks at it, without a claim. Its fence is the one
-- after the submit's. A claim hands that out only where the generation was put on the record by a version before this one, or by a journal
-- after Redis went back: a hold of the same worker that is given up for that costs a look.

-- How long after its first look a job is held, in ms; 0: not at all. `r` is what the record says, `wanted` what its worker asks for.
local function held_for(r, worker, wanted)
  if r.worker ~= worker or (r.wish or '') ~= '' then return 0 end
  return tonumber(wanted) or 0
end

-- The answer that said so was lost, so nobody has it in hand: whoever comes first looks at it, at its time. `fence` is the submit's.
local function give_up_hold(id, fence, worker)
  local h = redis.call('HMGET', job_key(id), 'state', 'worker', 'fence', 'kept_fence', 'next_at')
  if h[1] ~= 'generating' or h[2] ~= worker or h[3] ~= int(fence + 1) or h[4] ~= h[3] or not tonumber(h[5]) then return end
  redis.call('HSET', job_key(id), 'worker', '')
  place('due', id, int(tonumber(h[5])))
end
