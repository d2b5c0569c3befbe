-- The last part of settle_jobs: reads the items, and has each carried out.
pass_when_full()
local outcomes, position = {}, 14
local function take() position = position + 1 return ARGV[position - 1] end
local function take_list()
  local list, n = {}, tonumber(take())
  for i = 1, n do list[i] = take() end
  return list
end
local function settle_next()
  if ARGV[position + 2] == 'pending' then
    position = position + 5
    return still_pending(ARGV[position - 5], ARGV[position - 4], ARGV[position - 2], ARGV[position - 1])
  end
  local item = { id = take(), fence = take(), verb = take(), delay = tonumber(take()), probe = take(), pause = take(),
    pause_ms = tonumber(take()), jitter = tonumber(take()), note = take() }
  item.fields = take_list()
  item.account_fields = take_list()
  return settle(item)
end
for i = 1, tonumber(ARGV[13]) do
  -- What breaks off leaves the jobs before it settled whole.
  local done, outcome = pcall(settle_next)
  if not done then carry_out() error(outcome, 0) end
  outcomes[i] = outcome .. told_moves()
end
carry_out()
return outcomes
