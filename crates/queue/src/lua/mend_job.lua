-- Mends one thing of one job, where it still is as it was found, and says so in `events`. Never changes a state, deletes
-- a record or gives a slot back; nothing here can lead to a second POST.
-- KEYS: base
-- ARGV: events_cap ttl_ms by id what place
--   what   a word of the doctor;  place  the index it speaks of: due, failed, pending:x …; '' where there is none
-- Returns: mended | gone; gone where it isn't so any more
local by, id, what, place = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local target = job_key(id)
local r = redis.call('HMGET', target, 'state', 'account', 'priority', 'seq', 'run_at', 'intent_at', 'finished_at',
  'late_until', 'slot', 'v', 'callback', 'callback_id', 'callback_state', 'callback_status', 'callback_at')
if is_newer(r[10]) then return 'gone' end
local state, account, late = r[1] or '', r[2] or '', r[8] and r[8] ~= ''
local ENDS = { ambiguous = 1, completed = 1, failed = 1, timed_out = 1, cancelled = 1 }
local LOOKED_AT = { generating = 1, exporting = 1 }
local at = place ~= '' and redis.call('ZSCORE', key(place), id)
local due = redis.call('ZSCORE', key('due'), id)
local line = state == 'queued' and redis.call('ZSCORE', key('pending:' .. account), id)
local ended = ENDS[state] and not (state == 'timed_out' and late)
local over = ended and state ~= 'ambiguous'
local function time(text) return math.max(now, tonumber(text or '') or 0) end
if state == 'queued' then redis.call('ZSCORE', key('accounts'), account) end

local function into(index, score) return { 'ZADD', key(index), int(score), id } end
local from = at and { 'ZREM', key(place), id }
-- Told of the state that it is in, and neither planned nor put back by hand.
local has_callback = r[11] and r[11] ~= '' and r[12] and r[12] ~= ''
local untold = has_callback and r[13] == state and not is_to_be_told(id)
-- A POST that was begun can reach Gamma for as long as the longest lease, an hour: until then nobody parks it.
local intent_ends = math.max(now, (tonumber(r[6] or '') or now) + 3600000)
local MENDS = {
  index_without_record = redis.call('EXISTS', target) == 0 and from,
  wrong_index = r[1] and place ~= state and from,
  scheduled_after_end = ended and from,
  not_in_line = r[1] and (state ~= 'queued' or place ~= 'pending:' .. account) and from,
  two_places = due and line and { 'ZREM', key('pending:' .. account), id },
  queued_nowhere = state == 'queued' and account ~= '' and not due and not line and
    (time(r[5]) > now and into('due', time(r[5])) or into('pending:' .. account, pending_score(r[3], r[4]))),
  submitting_nowhere = state == 'submitting' and not due and into('due', intent_ends),
  generating_nowhere = LOOKED_AT[state] and not due and into('due', now),
  late_look_lost = state == 'timed_out' and late and not due and into('due', now),
  not_in_index = ENDS[state] and not redis.call('ZSCORE', key(state), id) and
    into(state, math.min(now, tonumber(r[7] or '') or now)),
  callback_nowhere = untold and r[14] == 'due' and into('callbacks', time(r[15])),
  callback_unlisted = untold and r[14] == 'failed' and not redis.call('ZSCORE', key('callback_failed'), id) and
    into('callback_failed', math.min(now, tonumber(r[15] or '') or now)),
  callback_stray = r[1] and not (has_callback and (place == 'callbacks' or r[14] == 'failed')) and from,
  live_with_ttl = r[1] and not over and redis.call('PTTL', target) >= 0 and { 'PERSIST', target },
  ended_without_ttl = over and redis.call('PTTL', target) == -1 and { 'PEXPIRE', target, ttl_ms },
  slot_stray = state ~= 'queued' and state ~= 'submitting' and r[9] and r[9] ~= '' and { 'HDEL', target, 'slot' },
}
local result = string.sub(what, 1, 7) == 'result_' and ENDS[state]
local mend = MENDS[what]
if not mend and not result then return 'gone' end

-- Writes from here on.
if result then
  local left = redis.call('PTTL', target)
  write_result(id, over and (left > 0 and left or ttl_ms) or nil)
else
  redis.call(unpack(mend))
  if what == 'callback_nowhere' then keep_for_callback(id, CALLBACK_KEPT_MS) end
  if mend[1] == 'ZADD' and string.find(mend[2], ':pending:', 1, true) then wake(account, now) end
end
event(id, state, state, by, 'mended: ' .. what .. (place ~= '' and ' ' .. place or ''))
return 'mended'
