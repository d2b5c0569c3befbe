-- What every command of an operator shares: who asks, what the job is, what stands in the way, and the end of a command
-- of the control stream. Such a command is carried out, told in `events` and taken off the stream in one step, and only
-- while it still stands there: it runs once, whoever dies. One that changes nothing writes nothing, beside that.
local worker, by, entry = ARGV[3], ARGV[4], ARGV[5]

-- Before a note: which command of the stream it is about.
local function told(text) return entry == '' and text or 'control ' .. entry .. ': ' .. text end

local function take_off()
  if entry ~= '' then redis.call('XDEL', key('control'), entry) end
end

-- Nothing was changed. outcome is already | refused | missing
local function decline(outcome, id, text)
  if entry ~= '' then
    pass_when_full()
    event(id, '', '', worker, told(outcome .. ': ' .. text), by)
    take_off()
  end
  return { outcome, text }
end

-- After the text each move of the job, as ` from>to`.
local function done(outcome, text)
  take_off()
  return { outcome, text, told_moves() }
end

-- Why the command can't be looked at: another worker carried it out, or the layout is newer than this. nil: it can.
local function not_now()
  if is_newer_layout() then return { 'newer', '' } end
  if entry ~= '' and not redis.call('XRANGE', key('control'), entry, entry)[1] then return { 'gone', '' } end
end

-- No write may fail by type once the first is made.
local function is_sound(account)
  local types = { due = 'zset', accounts = 'zset', ambiguous = 'zset', failed = 'zset', timed_out = 'zset', cancelled = 'zset',
    events = 'stream', ['pending:' .. account] = 'zset', ['budget:' .. account] = 'zset', ['account:' .. account] = 'hash' }
  for name, wanted in pairs(types) do
    local kind = redis.call('TYPE', key(name)).ok
    if kind ~= wanted and kind ~= 'none' then return false end
  end
  return true
end

-- The job; or nil, and what to answer instead.
local function look(id)
  local no = not_now()
  if no then return nil, no end
  local r = redis.pcall('HMGET', job_key(id), 'state', 'account', 'seq', 'priority', 'slot', 'worker', 'generation_id',
    'extra_generation_id', 'v', 'last_operation', 'last_operation_by', 'cancel_requested', 'kind', 'timeout', 'resubmits')
  if r.err then return nil, decline('refused', id, 'job ' .. id .. ' has no readable record: see `gammaq doctor`') end
  if not r[1] and not r[2] then return nil, decline('missing', id, 'there is no job ' .. id) end
  if is_newer(r[9]) then
    return nil, decline('refused', id, 'job ' .. id .. ' has a record of a newer version: ask with the gammaq of that version')
  end
  if not r[1] or not r[2] or not is_sound(r[2]) then
    return nil, decline('refused', id, 'job ' .. id .. ' or a key that it needs is broken: see `gammaq doctor`')
  end
  return { state = r[1], account = r[2], seq = r[3], priority = r[4], slot = r[5] or '', worker = r[6] or '',
    generation = r[7] or '', extra = r[8] or '', last = r[10] or '', last_by = r[11] or '', wish = r[12] or '', kind = r[13],
    timeout = tonumber(r[14]), resubmits = tonumber(r[15]) or 0 }
end

-- Why nothing can be done to the account; nil: it can.
local function not_usable(account)
  local no = not_now()
  if no then return no end
  if redis.call('EXISTS', key('account:' .. account)) == 0 then
    return decline('missing', '', 'there is no account ' .. account .. ': no worker has had an API key for it')
  end
  if not is_sound(account) then
    return decline('refused', '', 'account ' .. account .. ' or a key that it needs is broken: see `gammaq doctor`')
  end
end

local function note_operation(id, what)
  redis.call('HSET', job_key(id), 'last_operation', what, 'last_operation_by', by, 'last_operation_at', int(now))
end
