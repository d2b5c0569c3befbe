-- What the items of a call write into keys that they share: put together, and written once, by carry_out(), which stands at the
-- end of every script that has this part, and before anything in it that reads these keys.
local placed, counts, sums = {}, {}, {}
local function within(list, name)
  list[name] = list[name] or {}
  return list[name]
end
-- The score of a member of a sorted set; false where it leaves the set.
local function place(name, member, score) within(placed, name)[member] = score end
local function tally(name, n) counts[name] = (counts[name] or 0) + (n or 1) end
-- Parts of a whole are left to the server: added up here first, they could come to something else.
local function sum(target, field, amount)
  local n = tonumber(amount)
  if n % 1 ~= 0 then redis.pcall('HINCRBYFLOAT', target, field, amount) return end
  within(sums, target)[field] = (within(sums, target)[field] or 0) + n
end

local function carry_out()
  for name, members in pairs(placed) do
    local there, gone = {}, {}
    for member, score in pairs(members) do
      if score then
        there[#there + 1] = score
        there[#there + 1] = member
      else gone[#gone + 1] = member end
    end
    if #there > 0 then redis.call('ZADD', key(name), unpack(there)) end
    if #gone > 0 then redis.call('ZREM', key(name), unpack(gone)) end
  end
  -- A counter broken by hand is no reason to leave a move half made.
  for name, n in pairs(counts) do redis.pcall('HINCRBY', key('stats'), name, n) end
  for target, fields in pairs(sums) do
    for field, amount in pairs(fields) do redis.pcall('HINCRBYFLOAT', target, field, int(amount)) end
  end
  placed, counts, sums = {}, {}, {}
end
