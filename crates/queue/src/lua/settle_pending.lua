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

-- Did this settlement of a job that is kept run before? The count of looks only grows within a hold.
local function has_run(polls, fields)
  for i = 1, #fields, 2 do
    if fields[i] == 'polls' then
      local known, said = tonumber(polls), tonumber(fields[i + 1])
      return known and said and known >= said
    end
  end
end

-- A record that never knew trouble has no fields that say so: they would take memory.
local function is_troubled(failures, error) return (failures or '0') ~= '0' or (error or '') ~= '' end

local function without_no_trouble(fields)
  local left = {}
  for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    if not ((name == 'poll_failures' and value == '0') or (name == 'last_error' and value == '')) then
      left[#left + 1] = name
      left[#left + 1] = value
    end
  end
  return left
end

-- A look that found nothing new.
local function still_pending(id, fence, delay, looks)
  local v = redis.pcall('HMGET', job_key(id), 'v', 'state', 'fence', 'worker', 'poll_failures', 'last_error')
  if is_newer(v[1]) then return 'stale' end
  if not v[2] then return 'missing' end
  if v[3] ~= fence or v[4] ~= worker or not FROM.again[v[2]] then return 'stale' end

  -- Writes from here on.
  local time = int(now + delay)
  if is_troubled(v[5], v[6]) then
    redis.call('HSET', job_key(id), 'polls', looks, 'poll_failures', '0', 'last_error', '', 'worker', '', 'next_at', time)
  else redis.call('HSET', job_key(id), 'polls', looks, 'worker', '', 'next_at', time) end
  plan(id, time)
  if v[2] == 'exporting' then write_result(id, nil) else polls = polls + 1 end
  return 'ok'
end
