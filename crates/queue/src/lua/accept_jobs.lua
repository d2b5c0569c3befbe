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
local worker, total = ARGV[3], tonumber(ARGV[5])
local items, seen, position = {}, {}, 6
if is_reset(ARGV[4]) then
  for i = 1, total do items[i] = 'reset' end
  return items
end
if is_newer_layout() then
  for i = 1, total do items[i] = 'newer' end
  return items
end

for i = 1, total do
  local item = { entry = ARGV[position], id = ARGV[position + 1], verdict = ARGV[position + 2],
    error = ARGV[position + 4], run_at = tonumber(ARGV[position + 5]), account = ARGV[position + 6],
    priority = ARGV[position + 7], fingerprint = ARGV[position + 8], keep = ARGV[position + 9] == '1', fields = {} }
  local n = tonumber(ARGV[position + 10])
  for f = position + 11, position + 10 + n do item.fields[#item.fields + 1] = ARGV[f] end
  local known = ARGV[position + 3] == '1'
  position = position + 11 + n

  -- An entry that another worker took meanwhile must not come back to life: its job may have ended and expired.
  local entry = redis.call('XRANGE', key('inbox'), item.entry, item.entry)[1]
  if not entry then
    item.outcome = 'gone'
  else
    local there = seen[item.id] or redis.pcall('HGET', job_key(item.id), 'fingerprint')
    if type(there) == 'table' then there = '?' -- A key of another type: not ours to touch.
    elseif not there and redis.call('EXISTS', job_key(item.id)) == 1 then there = '' end
    if there then
      item.outcome = there == item.fingerprint and 'known' or 'conflict'
    else
      if item.verdict == 'accept' and not known and redis.call('EXISTS', key('account:' .. item.account)) == 0 then
        item.verdict = 'reject'
      end
      item.outcome = item.verdict == 'accept' and 'queued' or 'failed'
      seen[item.id] = item.fingerprint
      for f = 1, #entry[2], 2 do
        if entry[2][f] == 'request' then item.request = entry[2][f + 1] break end
      end
    end
  end
  items[i] = item
end
