-- Takes entries off the inbox and writes their jobs in the same step: an entry is either still there or is a job.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker queue_id count item...
--   queue_id   the life of the queue in which the worker began
-- item: entry_id id verdict known error run_at account priority fingerprint keep_request n field...
--   verdict  accept | reject
--   known    1 where this worker has a key for the account; error is then for `reject` alone
--   run_at   Unix ms, or 0
--   n        how many texts of field follow: names and values of the record
-- Returns: for each item, in order: queued | failed | known | conflict | gone; all of them reset in another life of the queue,
-- or newer where its layout is newer than this
-- Refuses in a full Redis: nothing new starts there.
local worker, total, inbox = ARGV[3], tonumber(ARGV[5]), key('inbox')
local outcomes, first = {}, 6
local refused = is_reset(ARGV[4]) and 'reset' or is_newer_layout() and 'newer'
if refused then
  for i = 1, total do outcomes[i] = refused end
  return outcomes
end
-- Where each item begins: in place of a table for each, which is most of what a call costs.
local places, position = {}, first
for i = 1, total do
  places[i] = position
  position = position + 11 + ARGV[position + 10]
end

-- Entries that were read together mostly stand side by side. Those of others between them are at most as many as asked for.
local waiting = {}
if total > 1 then
  for _, entry in ipairs(redis.call('XRANGE', inbox, ARGV[first], ARGV[places[total]], 'COUNT', total)) do
    waiting[entry[1]] = entry[2]
  end
end

local seen, requests, new = {}, {}, {}
for i, at in ipairs(places) do
  local entry, id, job = ARGV[at], ARGV[at + 1], job_key(ARGV[at + 1])
  -- An entry that another worker took meanwhile must not come back to life: its job may have ended and expired.
  local fields = waiting[entry] or (redis.call('XRANGE', inbox, entry, entry)[1] or {})[2]
  if not fields then
    outcomes[i] = 'gone'
  else
    local there = seen[id]
    if not there and redis.call('EXISTS', job) == 1 then
      there = redis.pcall('HGET', job, 'fingerprint') or ''
      if type(there) == 'table' then there = '?' end -- A key of another type: not ours to touch.
    end
    if there then
      outcomes[i] = there == ARGV[at + 8] and 'known' or 'conflict'
    else
      local knows = ARGV[at + 3] == '1' or redis.call('EXISTS', key('account:' .. ARGV[at + 6])) == 1
      outcomes[i] = ARGV[at + 2] == 'accept' and knows and 'queued' or 'failed'
      seen[id], new[#new + 1] = ARGV[at + 8], id
      if ARGV[at + 9] == '1' then
        for f = 1, #fields, 2 do
          if fields[f] == 'request' then requests[i] = fields[f + 1] break end
        end
      end
    end
  end
end
