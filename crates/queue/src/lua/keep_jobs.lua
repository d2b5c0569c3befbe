-- Looks that found nothing new, of jobs that their worker keeps until the next one: its hold goes on under the same fence.
-- It is the call that is made most by far, so it is small, and nothing in it is done twice.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker kept_ms clean item...
--   kept_ms   how long after the time of its next look a job is held
--   clean     so many items come first of whose holds a look was told so before: their records say of no trouble
-- item: id fence delay_ms polls; what ran before is told by the count of looks, which only grows within a hold
-- Returns: index outcome of each item that its worker has no more; outcome is stale | missing, index counts from 1
-- Works in a full Redis. Safe to run twice.
local given, worker, kept_for = ARGV, ARGV[3], tonumber(ARGV[4])
local read, write, format = redis.pcall, redis.call, string.format
local record, planned, size, others = base .. 'job:', {}, 0, {}
-- Texts of times, by the delay: numbers are what takes longest to read and to write here, and looks that ended together share theirs.
local next_at, held_until = {}, {}
local function put_down(delay)
  local time = now + tonumber(delay)
  next_at[delay], held_until[delay] = format('%d', time), format('%d', time + kept_for)
end

-- Was a look of this hold told that came later, or this one? Both mostly say at once that it wasn't.
local function has_run(known, said)
  if not known or #known < #said or (#known == #said and known < said) then return false end
  known, said = tonumber(known), tonumber(said)
  return known and said and known >= said
end

local first, clean_until = 6, 6 + 4 * tonumber(ARGV[5])
local function keep(at)
  local id, fence, delay, looks, clean = given[at], given[at + 1], given[at + 2], given[at + 3], at < clean_until
  local job = record .. id
  local v = clean and read('HMGET', job, 'state', 'fence', 'worker', 'polls', 'v') or
    read('HMGET', job, 'state', 'fence', 'worker', 'polls', 'v', 'poll_failures', 'last_error')
  if v[2] ~= fence or v[3] ~= worker or v[1] ~= 'generating' or (v[5] ~= '1' and is_newer(v[5])) then
    others[#others + 1] = (at - first) / 4 + 1
    others[#others + 1] = (v[1] or is_newer(v[5])) and 'stale' or 'missing'
    return
  end
  if has_run(v[4], looks) then return end
  if not next_at[delay] then put_down(delay) end

  -- Writes from here on.
  if clean then write('HSET', job, 'polls', looks, 'next_at', next_at[delay])
  elseif (v[6] or '0') == '0' and (v[7] or '') == '' then
    -- A record that never knew trouble has no fields that say so: they would take memory.
    write('HSET', job, 'polls', looks, 'next_at', next_at[delay], 'kept_fence', fence)
  else
    write('HSET', job, 'polls', looks, 'next_at', next_at[delay], 'poll_failures', '0', 'last_error', '',
      'kept_fence', fence)
  end
  size = size + 2
  planned[size - 1], planned[size] = held_until[delay], id
end

pass_when_full()
-- What breaks off leaves the jobs before it kept whole.
local done, problem = pcall(function() for at = first, #given, 4 do keep(at) end end)
if size > 0 then
  write('ZADD', key('due'), unpack(planned))
  read('HINCRBY', key('stats'), 'polls', size / 2)
end
if not done then error(problem, 0) end
return others
