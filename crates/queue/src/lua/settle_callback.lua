-- Notes what became of one attempt to call a job's caller back.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker id fence outcome delay_ms kept_ms note
--   outcome   delivered | again (after delay_ms, at the latest kept_ms after the end; given up where that is over) | failed (never again)
--   note      what was answered, or went wrong; '' where it was delivered
-- Returns: delivered | again | failed | stale | missing
-- Works in a full Redis. One that ran before is stale: its worker has the callback no more.
local worker, id, outcome, note = ARGV[3], ARGV[4], ARGV[6], ARGV[9]
local r = redis.pcall('HMGET', job_key(id), 'v', 'state', 'callback_fence', 'callback_worker', 'callback_status',
  'callback_attempts', 'callback_since')
if r.err or not r[2] then return 'missing' end
if is_newer(r[1]) or r[3] ~= ARGV[5] or r[4] ~= worker or r[5] ~= 'due' then return 'stale' end
local attempts, time = (tonumber(r[6]) or 0) + 1, now + tonumber(ARGV[7])
local last = (tonumber(r[7]) or now) + tonumber(ARGV[8])
if outcome == 'again' and now >= last then outcome = 'failed' end
-- Who asks for more time than there is gets the last attempt at the end of it.
if time > last then time = last end

-- Writes from here on.
pass_when_full()
redis.call('HSET', job_key(id), 'callback_attempts', int(attempts), 'callback_worker', '')
if outcome == 'again' then
  redis.call('HSET', job_key(id), 'callback_error', note, 'callback_at', int(time))
  redis.pcall('ZADD', key('callbacks'), int(time), id)
  count('callback_failures')
  -- The first says that there is trouble; the others would push out what is told of other jobs.
  if attempts == 1 then event(id, '', '', worker, 'callback not delivered: ' .. note .. '; tried again') end
  return outcome
end
redis.call('HSET', job_key(id), 'callback_status', outcome, 'callback_at', int(now))
redis.pcall('ZREM', key('callbacks'), id)
local tries = attempts == 1 and '' or ' at attempt ' .. int(attempts)
if outcome == 'delivered' then
  redis.call('HDEL', job_key(id), 'callback_error')
  count('callbacks_delivered')
  event(id, '', '', worker, 'callback delivered' .. tries)
else
  redis.call('HSET', job_key(id), 'callback_error', note)
  redis.pcall('ZADD', key('callback_failed'), int(now), id)
  count('callbacks_failed')
  event(id, '', '', worker, 'callback given up' .. tries .. ': ' .. note)
end
return outcome
