-- A part of claim_jobs: which accounts may be used now.
-- A key of another type, made by hand, must not stop the claims of every other account.
local sound = {}
local function unsound(account)
  if sound[account] == false then return end
  sound[account] = false
  event('', '', '', worker, 'account ' .. account .. ' set aside for a minute: a key of it is of another type')
end
-- All of its keys: what goes back in line, or leaves it, needs them. A look needs the first alone, which closed_for_look() reads.
local function usable(account)
  if sound[account] == nil then
    for name, wanted in pairs({ account = 'hash', pending = 'zset', budget = 'zset' }) do
      local kind = redis.call('TYPE', key(name .. ':' .. account)).ok
      if kind ~= wanted and kind ~= 'none' then unsound(account) end
    end
    if sound[account] == nil then sound[account] = true end
  end
  return sound[account]
end

-- May the account be used now? Answers nil, or when to ask again; the second value says that one job tries it out.
local function closed(account)
  local a = gates[account]
  if a == nil then
    local readable
    readable, a = pcall(gate, account)
    if not readable then a = false unsound(account) end
    gates[account] = a
  end
  -- Nobody can say: by the next minute somebody may have mended it.
  if not a then return now + 60000, false end
  if a.paused_until > now then return a.paused_until, false end
  if not a.paused then return nil, false end
  if a.probe_until > now then return math.min(a.probe_until, now + 1000), false end
  return nil, true
end

-- The same for a look, which needs no budget. Nearly all accounts are open, and two fields say so.
local open = {}
local function closed_for_look(account)
  if open[account] then return nil, false end
  if gates[account] == nil then
    local a = redis.pcall('HMGET', account_key(account), 'paused_until', 'pause_reason')
    open[account] = not a.err and (a[1] or '') == '' and (a[2] or '') == ''
    if open[account] then return nil, false end
  end
  return closed(account)
end
