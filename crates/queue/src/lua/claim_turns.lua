-- A part of claim_jobs: the accounts whose turn it is, in order, and since when. Where these are all there are, who gets another turn
-- in this call stands behind them; else where turns lead is written before the next ones are read.
local PAGE, skipped = 100, 0
local names, since, front, whole = {}, {}, 1, false
local function next_account()
  if not names[front] and not whole then
    carry_out()
    local page = redis.call('ZRANGEBYSCORE', key('accounts'), '-inf', '(' .. int(now + 1), 'WITHSCORES', 'LIMIT', skipped, PAGE)
    names, since, front, whole = {}, {}, 1, #page < 2 * PAGE
    for i = 1, #page, 2 do names[#names + 1], since[#since + 1] = page[i], tonumber(page[i + 1]) end
  end
  return names[front]
end
-- `score`: when it has the next one; false where it has none.
local function end_turn(account, score)
  front = front + 1
  place('accounts', account, score)
  if whole and score and tonumber(score) < now + 1 then names[#names + 1], since[#since + 1] = account, tonumber(score) end
end
local function skip() skipped, front = skipped + 1, front + 1 end
