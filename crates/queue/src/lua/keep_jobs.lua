-- Looks that found nothing new, of jobs that their worker keeps until the next one: its hold goes on under the same fence.
-- It is the call that is made most by far, so it is small, and nothing in it is done twice.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker kept_ms item...
--   kept_ms   how long after the time of its next look a job is held
-- item: id fence delay_ms polls clean; clean is 1 where a look of this hold was told so before, so that the record says of no
--       trouble; what ran before is told by the count of looks, which only grows within a hold
-- Returns: index outcome of each item that its worker has no more; outcome is stale | missing, index counts from 1
-- Works in a full Redis. Safe to run twice.
local worker, kept_for = ARGV[3], tonumber(ARGV[4])
local read, write, format = redis.pcall, redis.call, string.format
local record, planned, polls, others = base .. 'job:', {}, 0, {}

local function keep(at)
  local id, fence, looks = ARGV[at], ARGV[at + 1], ARGV[at + 3]
  local job = record .. id
  local clean = ARGV[at + 4] == '1'
  local v = clean and read('HMGET', job, 'state', 'fence', 'worker', 'polls', 'v') or
    read('HMGET', job, 'state', 'fence', 'worker', 'polls', 'v', 'poll_failures', 'last_error')
  if v[2] ~= fence or v[3] ~= worker or v[1] ~= 'generating' or is_newer(v[5]) then
    others[#others + 1] = at / 5
    others[#others + 1] = (v[1] or is_newer(v[5])) and 'stale' or 'missing'
    return
  end
  local known, said = tonumber(v[4]), tonumber(looks)
  if known and said and known >= said then return end

  -- Writes from here on.
  local time = now + tonumber(ARGV[at + 2])
  if clean then write('HSET', job, 'polls', looks, 'next_at', format('%d', time))
  elseif (v[6] or '0') == '0' and (v[7] or '') == '' then
    -- A record that never knew trouble has no fields that say so: they would take memory.
    write('HSET', job, 'polls', looks, 'next_at', format('%d', time), 'kept_fence', fence)
  else
    write('HSET', job, 'polls', looks, 'next_at', format('%d', time), 'poll_failures', '0', 'last_error', '',
      'kept_fence', fence)
  end
  planned[#planned + 1] = format('%d', time + kept_for)
  planned[#planned + 1] = id
  polls = polls + 1
end

pass_when_full()
-- What breaks off leaves the jobs before it kept whole.
local done, problem = pcall(function() for at = 5, #ARGV, 5 do keep(at) end end)
if #planned > 0 then write('ZADD', key('due'), unpack(planned)) end
if polls > 0 then read('HINCRBY', key('stats'), 'polls', polls) end
if not done then error(problem, 0) end
return others
