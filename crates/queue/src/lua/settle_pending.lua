-- A part of settle_jobs: looks, most of which found nothing new.
local function value_of(fields, name)
  for i = 1, #fields, 2 do if fields[i] == name then return fields[i + 1] end end
end

-- Did this settlement of a job that is kept run before? The count of looks only grows within a hold.
local function has_run(polls, fields)
  local known, said = tonumber(polls), tonumber(value_of(fields, 'polls') or '')
  return known and said and known >= said
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
  place('due', id, time)
  if v[2] == 'exporting' then write_result(id, nil) else tally('polls') end
  return 'ok'
end
