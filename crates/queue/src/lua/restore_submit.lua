-- Tells Redis of a POST that it forgot and a journal knows. A job that Redis holds as queued is not submitted again:
-- it goes on with the generation that the POST made, or is parked where nobody knows of one.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker id seq created_at attempts known intent slot sent_at until base_url generation_id delay_ms timeout_ms error probe
--   seq, created_at, attempts   the job as it was read: one that changed since is left alone
--   known       the number of attempts from now on
--   intent      and slot: what begin_submit had written for the POST
--   sent_at     Unix ms: when it was begun;  until  the latest time at which it can reach Gamma
--   generation_id   '' where none is known; error is what the record says then
--   delay_ms    until the first look;  timeout_ms  until the deadline
--   probe       1 where the job was claimed to try a pause out
-- Returns: generating | ambiguous | changed | missing
-- Works in a full Redis. The fence grows, so whoever holds the job can't begin.
local worker, id, generation = ARGV[3], ARGV[4], ARGV[14]
local r = redis.pcall('HMGET', job_key(id), 'state', 'seq', 'created_at', 'attempts', 'account', 'slot', 'v')
if r.err or not r[1] or not r[5] then return 'missing' end
if is_newer(r[7]) or r[1] ~= 'queued' or (r[2] or '0') ~= ARGV[5] or (r[3] or '0') ~= ARGV[6] or (r[4] or '0') ~= ARGV[7] then
  return 'changed'
end
local account, window, latest = r[5], gate(r[5]).window, tonumber(ARGV[12])
if generation ~= '' then latest = math.min(latest, now) end

-- Writes from here on.
pass_when_full()
if r[6] and r[6] ~= '' then release_slot(account, r[6]) end
-- Redis forgot the charge, too: the budget counts POSTs that reached Gamma, whoever remembers them.
if latest + window >= now then charge_slot(account, ARGV[10], latest, window) end
if ARGV[18] == '1' then redis.call('HDEL', account_key(account), 'probe_until') end
redis.call('ZREM', key('pending:' .. account), id)
redis.call('HINCRBY', job_key(id), 'fence', 1)
redis.call('HSET', job_key(id), 'attempts', ARGV[8], 'intent', ARGV[9], 'intent_at', ARGV[11], 'base_url', ARGV[13],
  'worker', '', 'slot', '', 'submit_failures', '')
count('restored')
if generation == '' then
  redis.call('HSET', job_key(id), 'state', 'ambiguous', 'finished_at', int(now), 'error', ARGV[17])
  end_job(id, 'ambiguous')
  event(id, 'ambiguous', 'queued', worker, 'a journal knows of a POST that Redis forgot')
  return 'ambiguous'
end
redis.call('HSET', job_key(id), 'state', 'generating', 'generation_id', generation, 'submitted_at', ARGV[11],
  'deadline', int(now + ARGV[16]), 'next_at', int(now + ARGV[15]), 'last_error', '')
redis.call('HDEL', job_key(id), 'error', 'finished_at')
redis.call('DEL', key('result:' .. id))
redis.call('ZADD', key('due'), int(now + ARGV[15]), id)
count('submitted')
spend_submit(account)
event(id, 'generating', 'queued', worker, 'a journal has the generation that Redis forgot')
return 'generating'
