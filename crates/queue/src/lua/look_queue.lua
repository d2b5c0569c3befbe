-- Looks at the queue and its accounts in one moment, for metrics. Reads only.
-- KEYS: base
-- ARGV: events_cap ttl_ms named most account...
--   account...  are looked at first, then those with jobs in line, soonest first, then any other: `most` in all
--   named       so many of them are answered one by one; of the others sums
-- Returns: now inbox due oldest_due workers ended accounts others callbacks oldest_callback callback_failed; a number is -1
-- where its key is of another type
--   oldest_due  and oldest_callback: the earliest time in `due` and `callbacks`, '' where they are empty;  ended  a number for each of INDEXED
-- account: name pending used limit paused credits_remaining, the last as Gamma said it, or ''
-- others: how many they are, then pending used limit paused
local INDEXED = { 'ambiguous', 'completed', 'failed', 'timed_out', 'cancelled' }
local named, most = tonumber(ARGV[3]), tonumber(ARGV[4])

-- A key of another type, made by hand, must not hide the rest.
local function number(...)
  local found = redis.pcall(...)
  if type(found) == 'table' then return -1 end
  return found
end
local function list(...)
  local found = redis.pcall(...)
  if found.err then return {} end
  return found
end

local names, seen = {}, {}
local function name(account)
  if not seen[account] and #names < most then
    seen[account] = true
    names[#names + 1] = account
  end
end
for i = 5, #ARGV do name(ARGV[i]) end
for _, names_of in ipairs({ 'accounts', 'account_names' }) do
  for _, account in ipairs(list('ZRANGE', key(names_of), 0, most - 1)) do name(account) end
end

local accounts, others = {}, { 0, 0, 0, 0, 0 }
for i, account in ipairs(names) do
  local a = list('HMGET', key('account:' .. account), 'limit', 'window_ms', 'paused_until', 'pause_reason',
    'credits_remaining', 'credits_floor')
  local window = tonumber(a[2] or '') or 3600000
  -- Paused until it was tried out, too: a wrong key is wrong although its pause is over for one job.
  local left, floor = tonumber(a[5] or ''), tonumber(a[6] or '')
  local below = left and floor and left < floor
  local paused = (below or (tonumber(a[3] or '') or 0) > now or (a[4] and a[4] ~= '')) and 1 or 0
  local seen_here = { number('ZCARD', key('pending:' .. account)),
    number('ZCOUNT', key('budget:' .. account), int(now - window), '+inf'), math.floor(tonumber(a[1] or '') or 50), paused }
  if i <= named then
    accounts[i] = { account, seen_here[1], seen_here[2], seen_here[3], paused, string.sub(a[5] or '', 1, 32) }
  else
    others[1] = others[1] + 1
    for n = 1, 4 do others[n + 1] = others[n + 1] + math.max(seen_here[n], 0) end
  end
end

local ended = {}
for i, state in ipairs(INDEXED) do ended[i] = number('ZCARD', key(state)) end
return { int(now), number('XLEN', key('inbox')), number('ZCARD', key('due')),
  list('ZRANGE', key('due'), 0, 0, 'WITHSCORES')[2] or '', number('ZCARD', key('workers')), ended, accounts, others,
  number('ZCARD', key('callbacks')), list('ZRANGE', key('callbacks'), 0, 0, 'WITHSCORES')[2] or '',
  number('ZCARD', key('callback_failed')) }
