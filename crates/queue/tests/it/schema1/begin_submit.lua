-- Writes the intent, just before the POST: from here on a lease that ends leads to `ambiguous`.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker id fence not_after lease_ms base_url queue_id
--   not_after  Unix ms by Redis's clock: later than that nobody waits for this answer, and nothing is begun
--   queue_id   the life of the queue in which the worker began
-- Returns: outcome now; outcome is ok | reset | stale | late | paused; late too where the slot has left the budget meanwhile
-- The record's `intent` names this very attempt: a journal tells by it whether Redis knows of a POST.
-- Refuses in a full Redis: nothing new starts there.
local worker, id, fence, not_after, lease, url = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
if is_reset(ARGV[9]) then return { 'reset', int(now) } end
local r = redis.call('HMGET', job_key(id), 'state', 'fence', 'worker', 'account', 'slot', 'attempts')
if r[1] ~= 'queued' or r[2] ~= fence or r[3] ~= worker then return { 'stale', int(now) } end
if now > not_after then return { 'late', int(now) } end
local a = gate(r[4])
if a.paused_until > now then return { 'paused', int(now) } end
if not redis.call('ZSCORE', budget_key(r[4]), r[5] or '') then return { 'late', int(now) } end

-- Writes from here on.
redis.call('HSET', job_key(id), 'state', 'submitting', 'intent_at', int(now), 'base_url', url,
  'attempts', (tonumber(r[6]) or 0) + 1, 'intent', worker .. '#' .. fence .. '#' .. ARGV[6])
redis.call('ZADD', key('due'), int(now + lease), id)
-- The latest time at which this POST can reach Gamma: the body yields nothing after that.
charge_slot(r[4], r[5], now + lease, a.window)
count('begun')
event(id, 'submitting', 'queued', worker, '')
return { 'ok', int(now) }
