-- Pauses an account until somebody resumes it: nothing is sent with its key, submits and looks alike.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker by entry account
-- Returns: outcome text, as cancel_job does
-- Works in a full Redis. A POST under way is ended and recorded.
local account = ARGV[6]
local no = not_usable(account)
if no then return no end
local a = redis.call('HMGET', account_key(account), 'paused_until', 'pause_reason', 'paused_by')
if is_held(a[1], a[2]) then
  return decline('already', '', 'account ' .. account .. ' is paused already, by ' .. (a[3] or 'an operator'))
end

-- Writes from here on.
pass_when_full()
-- Ten years: a time, so that every version of a worker keeps to it.
redis.call('HSET', account_key(account), 'paused_until', int(now + 3650 * 86400000), 'pause_reason', HELD,
  'paused_by', by, 'paused_at', int(now))
redis.call('HDEL', account_key(account), 'probe_until', 'pause_level')
recall('account ' .. account)
count('pauses')
event('', '', '', worker, told('account ' .. account .. ' paused until it is resumed'), by)
return done('done', 'account ' .. account .. ' is paused: nothing is sent with its key until it is resumed; its jobs keep their places')
