-- What every script begins with: names of keys, the clock, and the moves that several scripts share.
-- KEYS[1] is the queue's base, "prefix:{queue}:". Every key of a queue has the same hash tag, so the base alone
-- names the slot. ARGV[1] is the cap of the events stream, ARGV[2] how long ended jobs are kept (ms).
local base, events_cap, ttl_ms = KEYS[1], ARGV[1], ARGV[2]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- Redis 6.2 seeds every call alike: what calls spread one by one would fall together.
math.randomseed(tonumber(clock[2]))

-- Put together once: most are needed several times, and a text that is made anew costs as much as a small command.
local function begin_with(head)
  return setmetatable({}, { __index = function(known, name) known[name] = head .. name return known[name] end })
end
local keys, job_keys = begin_with(base), begin_with(base .. 'job:')
local function key(name) return keys[name] end
local function job_key(id) return job_keys[id] end
-- Whole numbers, which nearly all are, cost half as '%d', which is wrong beyond these.
local function int(n) n = n + 0 return string.format(n % 1 == 0 and n > -9e15 and n < 9e15 and '%d' or '%.0f', n) end
local now_text = int(now)

-- Out of memory is raised at a script's first write only, and only if that write may grow memory. A script that
-- records what was paid for begins with one that can't, and so runs in a full Redis too.
local function pass_when_full() redis.call('PERSIST', key('schema')) end

-- The version of records and of the layout that these scripts know. What is newer is left to newer workers: nobody else
-- knows what stands in it.
local KNOWN = 1
local function is_newer(v) return v and v ~= '' and (tonumber(v) or KNOWN + 1) > KNOWN end
local function is_newer_layout() return is_newer(redis.pcall('GET', key('schema'))) end

-- Another life of the queue than the one that the caller began with: its data was lost meanwhile, and with it what was
-- charged and begun. Nothing new starts for that caller. It says '' where it has not begun.
local function is_reset(queue_id)
  return queue_id ~= '' and redis.call('HGET', key('stats'), 'queue_id') ~= queue_id
end

-- A counter broken by hand is no reason to leave a move half made.
local function count(name) redis.pcall('HINCRBY', key('stats'), name, 1) end

-- What the jobs of this call moved, as ` from>to` for each move that was not told yet: workers count them.
local moves, stream = {}, key('events')
local function told_moves()
  if #moves == 0 then return '' end
  local text = table.concat(moves)
  moves = {}
  return text
end

local function event(id, state, from, worker, note, by)
  if state ~= '' and state ~= from then moves[#moves + 1] = ' ' .. from .. '>' .. state end
  redis.call('XADD', stream, 'MAXLEN', '~', events_cap, '*', 'id', id, 'state', state, 'from', from,
    'at', now_text, 'worker', worker, 'by', by or '', 'note', note)
end

-- While an operator pauses the whole queue nothing new begins; what is paid for is looked at as ever.
local function is_queue_paused() return redis.call('EXISTS', key('paused')) == 1 end

-- `seq` grows with every job, so within a priority arrival decides, also for a job that is given back.
local function pending_score(priority, seq) return int((tonumber(priority) or 5) * 1e14 + (tonumber(seq) or 0)) end

-- Looks at the account no later than at `time`; the claim then works out when it really may submit.
local function wake(account, time) redis.call('ZADD', key('accounts'), 'LT', int(time), account) end

-- A slot belongs to one submit of one job; `seq` tells the job from an earlier one of the same id.
local function slot(id, seq, attempt) return id .. '#' .. (seq or '') .. '.' .. attempt end

local function set_fields(target, fields)
  if #fields > 0 then redis.call('HSET', target, unpack(fields)) end
end

-- Workers that keep jobs between looks read here what they have to let go: `job <id>`, or `account <name>` for all of an
-- account. Each stands there for RECALL_MS; who has not read for as long lets all go.
local RECALL_MS = 60000
local function recall(what)
  local known = key('recalls')
  redis.pcall('ZREMRANGEBYSCORE', known, '-inf', int(now - RECALL_MS))
  redis.pcall('ZADD', known, int(now), what)
  redis.pcall('PEXPIRE', known, RECALL_MS)
end
