-- A part of settle_jobs: looks, and when the next one is due.
-- Most of what is settled is a look that found nothing new: those are put into the schedule together, at the end of
-- the call, and counted there.
local planned, polls = {}, 0
local function plan(id, time)
  planned[#planned + 1] = time
  planned[#planned + 1] = id
end

local function carry_out_plan()
  if #planned > 0 then redis.call('ZADD', key('due'), unpack(planned)) end
  if polls > 0 then redis.pcall('HINCRBY', key('stats'), 'polls', polls) end
  planned, polls = {}, 0
end

local function value_of(fields, name)
  for i = 1, #fields, 2 do if fields[i] == name then return fields[i + 1] end end
end

-- Did this settlement of a job that is kept run before?
local function has_run(polls, looks)
  local known, said = tonumber(polls), tonumber(looks)
  return known and said and known >= said
end

-- A look that found nothing new. `held` says that the worker keeps the job until its next look: its hold goes on under
-- the same fence, for as long after that look's time as `kept_for` says. What ran before is told by the count of looks,
-- which only grows within a hold. `clean` says that there is no former trouble on the record to be taken off.
local function still_pending(id, fence, delay, looks, held, clean)
  local v = redis.pcall('HMGET', job_key(id), 'v', 'state', 'fence', 'worker', 'polls')
  if is_newer(v[1]) then return 'stale' end
  if not v[2] then return 'missing' end
  if v[3] ~= fence or v[4] ~= worker or not FROM[held and 'keep' or 'again'][v[2]] then return 'stale' end
  if held and has_run(v[5], looks) then return 'kept' end

  -- Writes from here on.
  local time = whole(now + delay)
  if clean then redis.call('HSET', job_key(id), 'polls', looks, 'next_at', time)
  elseif held then
    redis.call('HSET', job_key(id), 'polls', looks, 'poll_failures', '0', 'last_error', '', 'next_at', time,
      'kept_fence', fence)
  else
    redis.call('HSET', job_key(id), 'polls', looks, 'poll_failures', '0', 'last_error', '', 'worker', '', 'next_at', time)
  end
  plan(id, held and whole(now + delay + kept_for) or time)
  if v[2] == 'exporting' then write_result(id, nil) else polls = polls + 1 end
  return held and 'kept' or 'ok'
end
