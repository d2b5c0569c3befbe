-- What the items of a call write into keys that they share: put together, and written once, by carry_out(), which stands at the
-- end of every script that has this part. Until then these keys say what they said before.
local placed, counts, sums, ends = {}, {}, {}, {}
local function within(list, name)
  list[name] = list[name] or {}
  return list[name]
end
-- The score of a member of a sorted set; false where it leaves the set.
local function place(name, member, score) within(placed, name)[member] = score end
local function tally(name, n) counts[name] = (counts[name] or 0) + (n or 1) end
-- Parts of a whole are left to the server: added up here first, they could come to something else.
local function sum(target, field, amount, till)
  ends[target] = till or ends[target]
  local n = tonumber(amount)
  if n % 1 ~= 0 then redis.pcall('HINCRBYFLOAT', target, field, amount) return end
  within(sums, target)[field] = (within(sums, target)[field] or 0) + n
end

-- What can't be written keeps back nothing else, and is the call's error at the end.
local function carry_out()
  local problem
  local function write(command, name, list)
    local answer = #list > 0 and redis.pcall(command, key(name), unpack(list))
    problem = problem or type(answer) == 'table' and answer.err
  end
  for name, members in pairs(placed) do
    local there, gone = {}, {}
    for member, score in pairs(members) do
      if score then
        there[#there + 1] = score
        there[#there + 1] = member
      else gone[#gone + 1] = member end
    end
    write('ZADD', name, there)
    write('ZREM', name, gone)
  end
  -- A counter broken by hand is no reason to leave a move half made.
  for name, n in pairs(counts) do redis.pcall('HINCRBY', key('stats'), name, n) end
  for target, fields in pairs(sums) do
    for field, amount in pairs(fields) do redis.pcall('HINCRBYFLOAT', target, field, int(amount)) end
  end
  for target, till in pairs(ends) do redis.pcall('PEXPIREAT', target, till) end
  placed, counts, sums, ends = {}, {}, {}, {}
  if problem then error(problem, 0) end
end
