-- Cancels a job; one that is being submitted is cancelled when the answer to its POST is there.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker by entry id
--   by      who asks;  entry  the command's id in the control stream, '' where it isn't one;  worker  '' then
-- Returns: outcome text moves; outcome is done | noted | already | refused | missing | gone | newer
--   noted   remembered, and carried out later;  already  it is so, nothing was changed
--   gone    another worker carried the command out;  newer  the layout is newer than this
-- Works in a full Redis. The fence grows, so whoever holds the job can't begin, and a look under way counts no more.
local id = ARGV[6]
local r, no = look(id)
if not r then return no end
local job = 'job ' .. id
if r.state == 'cancelled' then return decline('already', id, job .. ' is cancelled already') end
if r.state == 'submitting' and r.wish ~= '' then
  return decline('already', id, job .. ' is to be cancelled already, as soon as the answer to its POST is there')
end
if r.state == 'ambiguous' then
  return decline('refused', id, job .. ' is parked, since whether Gamma accepted it is not known: resolve it instead')
end
if r.state ~= 'submitting' and r.state ~= 'queued' and r.state ~= 'generating' and r.state ~= 'exporting' then
  return decline('refused', id, job .. ' is ' .. r.state .. ': nothing to cancel')
end
local may_be_paid = r.state == 'queued' and (r.resubmits > 0 or r.last == 'resolve as resubmit') and UNCLEAR

-- Writes from here on.
pass_when_full()
note_operation(id, 'cancel')
if r.state == 'submitting' then
  redis.call('HSET', job_key(id), 'cancel_requested', int(now), 'cancel_requested_by', by)
  local text = 'its POST is under way: it is cancelled as soon as the answer is there, and what Gamma begins until then is paid for'
  event(id, r.state, r.state, worker, told('cancel: ' .. text), by)
  return done('noted', job .. ' is being submitted; ' .. text)
end
take_back(id, r)
local why = end_cancelled(id, r.state, r.account, by, worker, told('cancel'), may_be_paid or nil)
return done('done', job .. ' is cancelled; ' .. why)
