-- Ends the steps of many jobs: each is checked by itself, then written.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker keep_requests first_ms most_ms trouble_ms trouble_most_ms spread_ms late_ms late_for_ms kept_ms count item...
--   first_ms, most_ms   a pause after 429 without Retry-After doubles from the one to the other
--   trouble_ms, trouble_most_ms   the same after account trouble
--   late_ms, late_for_ms   a timed-out job is looked at every late_ms, for late_for_ms
--   kept_ms   how long after the time of its next look a job that its worker keeps is held
-- item: id fence pending delay_ms polls   where a look found nothing new; else
--       id fence verb delay_ms probe pause_kind pause_ms jitter note n field... m account_field...
--   verb    again (look again), keep (the same, and the worker keeps the job meanwhile), requeue (certainly not accepted), park (not known whether accepted), resubmit (the
--           same, by policy), fail, export (the deck is there, files are not yet), complete, time_out, rest (a late look was the last),
--           release (hand back untouched)
--   probe   '' | good (the pause is over) | open (nothing was learnt): for a job that tried a pause out
--   pause_kind   '' | rate_limited | any other word: account trouble;  pause_ms  '' where it doubles
-- Returns: for each item: ok | kept | stale | missing; kept where the worker holds the job still; after ok each move of the job, as ` from>to`
-- Works in a full Redis. An item that ran before is stale: its worker holds the job no more.
local worker, keep_requests = ARGV[3], ARGV[4] == '1'
local first, most, trouble, trouble_most = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local spread, late, late_for, kept_for = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local FROM = { again = { generating = 1, exporting = 1, timed_out = 1 }, keep = { generating = 1 }, requeue = { queued = 1, submitting = 1 },
  park = { submitting = 1 }, resubmit = { submitting = 1 }, fail = { queued = 1, submitting = 1, generating = 1 },
  complete = { generating = 1, exporting = 1, timed_out = 1 }, time_out = { generating = 1 }, rest = { timed_out = 1 },
  export = { generating = 1, timed_out = 1 },
  release = { queued = 1, generating = 1, exporting = 1, timed_out = 1 } }
local TO = { fail = 'failed', complete = 'completed', time_out = 'timed_out', park = 'ambiguous' }

add = sum
rest_in = function(id, state) place('due', id, false) place(state, id, now_text) tally(state) end

local function look_at(id, time)
  redis.call('HSET', job_key(id), 'worker', '', 'next_at', int(time))
  place('due', id, int(time))
end

local function give_back(id, r, delay)
  if r.slot ~= '' then release_slot(r.account, r.slot) end
  redis.call('HSET', job_key(id), 'state', 'queued', 'worker', '', 'slot', '')
  if delay > 0 then return look_at(id, now + delay) end
  redis.call('HDEL', job_key(id), 'next_at')
  place('due', id, false)
  redis.call('ZADD', key('pending:' .. r.account), pending_score(r.priority, r.seq), id)
  wake(r.account, now)
end

-- A POST without an answer may still be on its way: its slot keeps the latest time.
local function leave_slot(r, to)
  if r.slot ~= '' and r.state == 'queued' then release_slot(r.account, r.slot)
  elseif r.slot ~= '' and to ~= 'ambiguous' then score_slot(r.account, r.slot) end
end

-- The record has the new state already, and what it cost is counted where it is over.
local function over(id, r, to)
  if to == 'completed' and r.state == 'timed_out' then
    redis.call('HSET', job_key(id), 'late', '1')
    redis.call('ZREM', key('timed_out'), id)
  end
  if to == 'completed' then return end_job(id, to, 'error', not keep_requests and 'request' or nil) end
  if to ~= 'timed_out' then return end_job(id, to) end
  -- Looked at for a while longer, so it is live: kept without a limit until the last look.
  redis.call('ZADD', key('timed_out'), int(now), id)
  count('timed_out')
  redis.call('HSET', job_key(id), 'late_until', int(now + late_for))
  write_result(id, nil)
  call_back(id, to)
  look_at(id, now + late)
end
