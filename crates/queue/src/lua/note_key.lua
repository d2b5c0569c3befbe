-- Notes what became of an account's key at a worker.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker account news
--   news  gone: this worker has no key for it any more, and says so by a pause `no_key`. It holds nobody back who has
--         one (see gate): a worker without a key names the account as foreign, so its own jobs wait for others.
--         held: this worker has a key: a pause `no_key` is over.  changed: and it is another one than before: a pause
--         that the old one earned (`unauthorized`) is over, too, with one job as a probe
-- Returns: paused | kept | lifted | tried | nothing
--   kept: another pause holds it, which says more
-- Works in a full Redis.
local worker, account, news = ARGV[3], ARGV[4], ARGV[5]
local a = redis.call('HMGET', account_key(account), 'paused_until', 'pause_reason')
local old, reason = tonumber(a[1]) or 0, a[2] or ''
-- A pause without its reason is somebody's own.
if news == 'gone' and reason == NO_KEY then return 'nothing' end
if news == 'gone' and old > now and reason ~= 'unauthorized' then return 'kept' end
if news ~= 'gone' and reason ~= NO_KEY and not (news == 'changed' and reason == 'unauthorized') then return 'nothing' end

-- Looks that were put off to the end of the pause; those of the next thousand steps come now, the others by themselves.
local put_off = {}
if old > now and reason == 'unauthorized' then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('due'), int(old), '+inf', 'LIMIT', 0, 1000)) do
    local r = redis.pcall('HMGET', job_key(id), 'state', 'account', 'worker', 'v')
    local looks = r[1] == 'generating' or r[1] == 'exporting' or r[1] == 'timed_out'
    if not r.err and looks and r[2] == account and (r[3] or '') == '' and not is_newer(r[4]) then put_off[#put_off + 1] = id end
  end
end

-- Writes from here on.
pass_when_full()
for _, id in ipairs(put_off) do redis.call('ZADD', key('due'), int(now + math.random(0, 1000)), id) end
if news == 'gone' then
  redis.call('HSET', account_key(account), 'paused_until', int(now + NO_KEY_MS), 'pause_reason', NO_KEY)
  redis.call('HDEL', account_key(account), 'pause_level', 'probe_until')
  redis.call('ZADD', key('accounts'), 'XX', 'LT', int(now), account)
  count('pauses')
  event('', '', '', worker, 'account ' .. account .. ' paused until a key is there: ' .. NO_KEY)
  return 'paused'
end
if reason == NO_KEY then
  unpause(account, '', worker)
  return 'lifted'
end
redis.call('HSET', account_key(account), 'paused_until', int(now), 'pause_level', 0)
redis.call('HDEL', account_key(account), 'probe_until')
redis.call('ZADD', key('accounts'), 'XX', int(now), account)
event('', '', '', worker, 'account ' .. account .. ' is tried again: it has another key')
return 'tried'
