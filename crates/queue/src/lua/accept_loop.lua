-- The last part of accept_jobs: writes what the jobs share, has each item carried out, and takes the entries off.
local taken = {}
local function accept(i, at)
  local outcome, id = outcomes[i], ARGV[at + 1]
  if outcome == 'queued' or outcome == 'failed' then begin(i, at, outcome)
  elseif outcome == 'conflict' then
    if not is_newer(redis.pcall('HGET', job_key(id), 'v')) then redis.call('HINCRBY', job_key(id), 'conflicts', 1) end
    count('conflicts')
    event(id, '', '', worker, 'conflict: entry ' .. ARGV[at] .. ' asks for something else under this id')
  elseif outcome == 'known' then count('duplicates')
  end
  taken[i] = ARGV[at]
end
for i, at in ipairs(places) do
  if outcomes[i] == 'queued' or outcomes[i] == 'failed' then plan(i, at) end
end
for account, list in pairs(pending) do
  redis.call('ZADD', key('pending:' .. account), unpack(list))
  wake(account, now)
end
if #due > 0 then redis.call('ZADD', key('due'), unpack(due)) end
-- What breaks off leaves the jobs before it whole; the entry that it happened to stays, and finds its job there.
local done, problem = pcall(function() for i, at in ipairs(places) do accept(i, at) end end)
if #taken > 0 then
  redis.call('XACK', inbox, 'workers', unpack(taken))
  redis.call('XDEL', inbox, unpack(taken))
end
if not done then
  redis.pcall('HINCRBY', key('stats'), 'accepted', written - #new)
  error(problem, 0)
end
return outcomes
