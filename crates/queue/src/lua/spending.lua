-- What a day costs: spent:<yyyy-mm-dd> has `credits:<account>` and `submits:<account>`. Days are UTC's, by Redis's
-- clock; each goes by itself when it is old, so their number is bounded whoever spends.
local SPENDING_KEPT = 35 * 86400000
local day_name, is_day_kept

local function today()
  if day_name then return day_name end
  local year, month, days = 1970, 1, math.floor(now / 86400000)
  local function leap() return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0) and 1 or 0 end
  while days >= 365 + leap() do days, year = days - 365 - leap(), year + 1 end
  local months = { 31, 28 + leap(), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
  while days >= months[month] do days, month = days - months[month], month + 1 end
  day_name = string.format('%04d-%02d-%02d', year, month, days + 1)
  return day_name
end

-- A sum broken by hand is no reason to leave a move half made. Scripts of many items have them added up first.
local add = function(target, field, amount, ends)
  redis.pcall('HINCRBYFLOAT', target, field, amount)
  if ends then redis.pcall('PEXPIREAT', target, ends) end
end

local function spend(account, what, amount)
  local target = key('spent:' .. today())
  add(target, what .. ':' .. account, amount, not is_day_kept and int(now + SPENDING_KEPT))
  is_day_kept = true
end

-- A generation that Gamma made, whichever record it stands on: called where it is written down for the first time.
local function spend_submit(account) spend(account, 'submits', 1) end

-- What a generation cost, once: `spent_for` says for which one it was counted. `r` is what the record says of that, where it was
-- read, and `fields` what is to be written on it.
local function spend_credits(id, account, r, fields)
  r = r or redis.call('HMGET', job_key(id), 'credits_deducted', 'generation_id', 'spent_for')
  local credits, generation = r[1] or '', r[2] or ''
  if not string.match(credits, '^%d+%.?%d*$') or (generation ~= '' and r[3] == generation) then return end
  if fields then
    fields[#fields + 1] = 'spent_for'
    fields[#fields + 1] = generation
  else redis.call('HSET', job_key(id), 'spent_for', generation) end
  add(key('stats'), 'credits_deducted', credits)
  spend(account, 'credits', credits)
end
