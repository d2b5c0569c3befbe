-- Hands a worker callbacks that are due, each with its job's result as it stands.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker want lease_ms kept_ms not_after per_host busy...
--   kept_ms    how long a callback is tried; record and result stay so long, and an hour more
--   not_after  Unix ms by Redis's clock: later than that nobody waits for this answer, and nothing is claimed
--   per_host   how many this worker makes at once at one receiver, which is the host of the address
--   busy       host count later_ms: so many are under way there; what finds no room is put off by up to later_ms, so that
--              what stands behind it comes to the front
-- Returns: now next_at newer_layout put_off callbacks; next_at is '' where nothing is planned, put_off a number
-- callback: id fence url message_id attempts state since result host
-- Works in a full Redis. What nobody settles is handed out again when its lease ends, with the same message_id.
-- An operator calls again by adding the job to `callbacks` by hand, whatever became of its callback before.
local worker, want, lease, kept = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
if now > tonumber(ARGV[7]) then return { int(now), '', 0, 0, {} } end
if is_newer_layout() then return { int(now), '', 1, 0, {} } end
local MOST_RESULT, LATER = 1048576, 100
local due, callbacks, put_off = key('callbacks'), {}, 0
local per_host, there, later = tonumber(ARGV[8]), {}, {}
for i = 9, #ARGV, 3 do there[ARGV[i]], later[ARGV[i]] = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]) end

-- Without a user and a port, in small letters.
local function host_of(url)
  local authority = string.gsub(string.match(url, '^%a+://([^/?#\\]*)') or '', '^.*@', '')
  return string.lower((string.gsub(authority, ':%d*$', '')))
end

local function drop(id, note)
  redis.call('ZREM', due, id)
  if note then event(id, '', '', worker, note) end
end

local function text_of(id)
  local target = key('result:' .. id)
  if redis.call('TYPE', target).ok ~= 'string' or redis.call('STRLEN', target) > MOST_RESULT then return '' end
  return redis.call('GET', target)
end

-- Writes from here on.
pass_when_full()
local ids = redis.call('ZRANGEBYSCORE', due, '-inf', int(now), 'LIMIT', 0, want + 100)
for _, id in ipairs(ids) do
  local r = redis.pcall('HMGET', job_key(id), 'v', 'state', 'callback', 'callback_state', 'callback_id',
    'callback_fence', 'callback_attempts', 'callback_since')
  if r.err or not r[2] then drop(id)
  elseif is_newer(r[1]) then redis.call('ZADD', due, int(now + 60000), id)
  elseif not r[3] or r[3] == '' or #r[3] > 4096 or not r[5] then drop(id, 'callback set aside: its record names none')
  elseif r[2] ~= r[4] then
    -- Retried, looked at again …: its next end is told.
    redis.call('HSET', job_key(id), 'callback_status', 'withdrawn')
    drop(id, 'callback withdrawn: the job is ' .. r[2] .. ' by now')
  elseif #callbacks < want then
    local fence, since, host = (tonumber(r[6]) or 0) + 1, tonumber(r[8]) or now, host_of(r[3])
    keep_for_callback(id, math.max(since + kept - now, 0) + 3600000)
    if (there[host] or 0) >= per_host then
      redis.call('ZADD', due, int(now + math.random(later[host] or LATER)), id)
      put_off = put_off + 1
    else
      there[host] = (there[host] or 0) + 1
      redis.call('HSET', job_key(id), 'callback_fence', int(fence), 'callback_worker', worker, 'callback_status', 'due')
      redis.pcall('ZREM', key('callback_failed'), id)
      redis.call('ZADD', due, int(now + lease), id)
      callbacks[#callbacks + 1] = { id, int(fence), r[3], r[5], r[7] or '0', r[2], int(since), text_of(id), host }
    end
  end
end
return { int(now), redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')[2] or '', 0, put_off, callbacks }
