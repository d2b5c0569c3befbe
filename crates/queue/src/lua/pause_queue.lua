-- Pauses the whole queue until somebody resumes it, or resumes it. While it is paused nothing new is submitted; what is paid for is
-- looked at, and entries are taken in.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker by entry paused
--   paused  1 to pause, 0 to resume
-- Returns: outcome text, as cancel_job does
-- Works in a full Redis. A POST under way is ended and recorded. Accounts that are paused stay so.
local no = not_now()
if no then return no end
local wanted = ARGV[6] == '1'
if wanted == is_queue_paused() then
  return decline('already', '', wanted and 'the queue is paused already' or 'the queue is not paused')
end

-- Writes from here on.
pass_when_full()
if wanted then
  redis.call('HSET', key('paused'), 'by', by, 'at', int(now))
  event('', '', '', worker, told('the queue is paused until it is resumed'), by)
  return done('done', 'the queue is paused: nothing new is submitted until it is resumed; what Gamma has begun is looked at')
end
redis.call('DEL', key('paused'))
event('', '', '', worker, told('the queue is resumed'), by)
return done('done', 'the queue is resumed; accounts that are paused stay so')
