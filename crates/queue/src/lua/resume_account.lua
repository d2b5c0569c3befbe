-- Ends the pause of an account, whoever made it. One job goes first, and what Gamma says to that decides for the others.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker by entry account
-- Returns: outcome text, as cancel_job does
-- Works in a full Redis.
local account = ARGV[6]
local no = not_usable(account)
if no then return no end
local a = redis.call('HMGET', account_key(account), 'paused_until', 'pause_reason')
local old, reason = tonumber(a[1]) or 0, a[2] or ''
if old <= now and is_below_floor(account) then
  if redis.call('HEXISTS', account_key(account), 'floor_pass') == 1 then
    return decline('already', '', 'account ' .. account .. ' lets one job through below its credits_floor already')
  end
  pass_when_full()
  let_one_through(account)
  event('', '', '', worker, told('account ' .. account .. ' lets one job through below its credits_floor'), by)
  return done('done', 'account ' .. account .. ' lets one job through below its credits_floor: what Gamma answers decides for the others')
end
if old <= now then
  return decline('already', '', 'account ' .. account .. (reason == '' and ' is not paused' or ' is not paused any more: one job tries it out'))
end

if reason == 'no_key' then
  return decline('refused', '', 'account ' .. account .. ' has no API key any more: give it back to a worker, and the pause is over')
end

-- Looks that the pause put off come now, and none before its own time: those of the next thousand steps from its end on, and
-- where an operator made it of the next thousand. Others come by themselves, after HELD_MS at the most.
local put_off = {}
for _, from in ipairs({ old, reason == HELD and now or nil }) do
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('due'), int(from), '+inf', 'LIMIT', 0, 1000)) do
    local r = redis.pcall('HMGET', job_key(id), 'state', 'account', 'worker', 'v', 'next_at')
    local looks = r[1] == 'generating' or r[1] == 'exporting' or r[1] == 'timed_out'
    if not r.err and looks and r[2] == account and (r[3] or '') == '' and not is_newer(r[4]) then
      local time = tonumber(r[5]) or 0
      put_off[id] = time < old and math.max(now, time) or now
    end
  end
end

-- Writes from here on.
pass_when_full()
for id, time in pairs(put_off) do redis.call('ZADD', key('due'), 'LT', int(time + math.random(0, 1000)), id) end
redis.call('HSET', account_key(account), 'paused_until', int(now), 'pause_reason', 'resumed', 'pause_level', 0)
redis.call('HDEL', account_key(account), 'probe_until', 'paused_by', 'paused_at')
redis.call('ZADD', key('accounts'), 'XX', int(now), account)
let_one_through(account)
event('', '', '', worker, told('account ' .. account .. ' resumed, one job first'), by)
return done('done', 'account ' .. account .. ' is resumed: one job goes first, the others when Gamma has answered that')
