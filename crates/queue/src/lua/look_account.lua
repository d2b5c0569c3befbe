-- Looks at an account, its line and its budget in one moment. Reads only.
-- KEYS: base
-- ARGV: events_cap ttl_ms account within_ms
--   within_ms  slots are counted within this time, where the account names no window of its own
-- Returns: now pending listed charged latest fields known
--   listed   its score in `accounts`, '' where it isn't there
--   known    1 where the account is registered
--   charged  how many slots count now;  latest  the score of the last of them, 0 where there is none
local account = ARGV[3]
local fields = {}
for _, name in ipairs({ 'limit', 'window_ms', 'paused_until', 'probe_until', 'pause_level' }) do
  local value = redis.call('HGET', account_key(account), name)
  if value then fields[#fields + 1] = name fields[#fields + 1] = string.sub(value, 1, 100) end
end
local window = tonumber(redis.call('HGET', account_key(account), 'window_ms') or '') or tonumber(ARGV[4])
local latest = redis.call('ZRANGE', budget_key(account), -1, -1, 'WITHSCORES')[2] or '0'
return { int(now), redis.call('ZCARD', key('pending:' .. account)), redis.call('ZSCORE', key('accounts'), account) or '',
  redis.call('ZCOUNT', budget_key(account), int(now - window), '+inf'), latest, fields,
  redis.call('EXISTS', account_key(account)) }
