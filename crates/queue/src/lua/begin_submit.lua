-- Writes intents, just before their POSTs: from here on a lease that ends leads to `ambiguous`.
-- KEYS: base
-- ARGV: events_cap ttl_ms queue_id item...
--   queue_id   the life of the queue in which the worker began
-- item: worker id fence not_after lease_ms base_url
--   not_after  Unix ms by Redis's clock: later than that nobody waits for this answer, and nothing is begun
-- Returns: for each item, in order: ok | reset | stale | late | paused | failed and why; after ok the move of the job, as ` from>to`; late
-- too where the slot has left the budget meanwhile
-- The record's `intent` names this very attempt: a journal tells by it whether Redis knows of a POST.
-- Refuses in a full Redis: nothing new starts there.
local reset, newer, paused, gates = is_reset(ARGV[3]), is_newer_layout(), is_queue_paused(), {}
local function begin_submit(at)
  local worker, id, fence, not_after, lease, url = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
  if reset then return 'reset' end
  local r = redis.call('HMGET', job_key(id), 'state', 'fence', 'worker', 'account', 'slot', 'attempts', 'v')
  if is_newer(r[7]) or newer then return 'stale' end
  if r[1] ~= 'queued' or r[2] ~= fence or r[3] ~= worker then return 'stale' end
  if now > tonumber(not_after) then return 'late' end
  local a = gates[r[4]] or gate(r[4])
  gates[r[4]] = a
  if a.paused_until > now or paused then return 'paused' end
  if not redis.call('ZSCORE', budget_key(r[4]), r[5] or '') then return 'late' end

  -- Writes from here on.
  redis.call('HSET', job_key(id), 'state', 'submitting', 'intent_at', int(now), 'base_url', url,
    'attempts', (tonumber(r[6]) or 0) + 1, 'intent', worker .. '#' .. fence .. '#' .. not_after)
  place('due', id, int(now + lease))
  -- The latest time at which this POST can reach Gamma: the body yields nothing after that.
  charge_slot(r[4], r[5], now + lease, a.window)
  tally('begun')
  event(id, 'submitting', 'queued', worker, '')
  return 'ok'
end
return each(4, function() return 6 end, begin_submit)
