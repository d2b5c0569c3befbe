-- The end of a job that is wanted no more. What Gamma has begun is paid for all the same: its generation stays on the
-- record, and the result says so.
local BEGUN = 'Gamma had begun it: its credits are spent all the same'
local UNCLEAR = 'whether Gamma accepted its last submit is not known: it may be paid for'

local function end_cancelled(id, from, account, by, worker, note, unclear)
  local made = redis.call('HMGET', job_key(id), 'generation_id', 'extra_generation_id')
  local why = unclear or 'nothing was spent on it'
  if made[1] and made[1] ~= '' then why = BEGUN
  elseif made[2] and made[2] ~= '' and not unclear then why = 'what Gamma made for it before is paid for' end
  redis.call('ZREM', key('pending:' .. account), id)
  redis.call('HSET', job_key(id), 'state', 'cancelled', 'finished_at', int(now), 'error', '{"kind":"cancelled","message":' ..
    json_text('cancelled by ' .. by .. '; ' .. why) .. ',"status":null,"requestId":null}')
  if unclear then add_warning(id, unclear) end
  end_job(id, 'cancelled')
  event(id, 'cancelled', from, worker, note .. '; ' .. why, by)
  return why
end

-- A wish to cancel that came while the job was being submitted: carried out when the answer is there, by whoever brings
-- it. A job that is parked keeps the wish: an answer that comes late is cancelled too, and an operator decides anew.
local function carry_out_wish(id, worker, unclear)
  local r = redis.call('HMGET', job_key(id), 'cancel_requested', 'cancel_requested_by', 'state', 'account')
  if not r[1] or r[1] == '' then return end
  if r[3] ~= 'queued' and r[3] ~= 'generating' and r[3] ~= 'exporting' then return end
  redis.call('HINCRBY', job_key(id), 'fence', 1)
  end_cancelled(id, r[3], r[4], r[2] or '', worker, 'cancel: asked for while it was being submitted', unclear or nil)
end
