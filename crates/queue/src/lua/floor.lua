-- An account with fewer credits than its `credits_floor` begins nothing more; looks go on. Both numbers stand in its
-- hash and are compared at each claim, in the same step that hands a job out: so nothing more than what is under way
-- goes below, and nothing has to be lifted when credits are seen above the floor again, or the floor is lowered.
local function is_below(floor, left)
  floor, left = tonumber(floor), tonumber(left)
  return (floor and left and left < floor) or false
end
local function is_below_floor(account)
  return is_below(unpack(redis.call('HMGET', account_key(account), 'credits_floor', 'credits_remaining')))
end

-- Whether the floor holds back the next submit; where somebody let one through, this is the one.
local function held_by_floor(account)
  if not is_below_floor(account) then return false end
  return redis.call('HDEL', account_key(account), 'floor_pass') == 0
end

-- Lets one job through below the floor; the answer to it says whether others may follow. Answers whether it was held.
local function let_one_through(account)
  if not is_below_floor(account) then return false end
  redis.call('HSET', account_key(account), 'floor_pass', '1')
  redis.call('ZADD', key('accounts'), 'XX', 'LT', int(now), account)
  return true
end

-- What an answer said of the account; told where it brought it below its floor, or above it again.
local function set_account_fields(account, fields, id, worker)
  local left
  for i = 1, #fields, 2 do left = fields[i] == 'credits_remaining' and fields[i + 1] or left end
  if not left then return set_fields(account_key(account), fields) end
  local a = redis.call('HMGET', account_key(account), 'credits_floor', 'credits_remaining')
  set_fields(account_key(account), fields)
  local falls = is_below(a[1], left)
  if falls == is_below(a[1], a[2]) then return end
  if not falls then
    redis.call('HDEL', account_key(account), 'floor_pass')
    redis.call('ZADD', key('accounts'), 'XX', 'LT', int(now), account)
  end
  event(id, '', '', worker, 'account ' .. account .. (falls and ' submits nothing more: its credits are below credits_floor'
    or ' submits again: its credits are not below credits_floor any more'))
end
