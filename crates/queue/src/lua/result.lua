-- The result of a job, made from its record alone, so that the two can't tell different stories.
local function json_text(value)
  if not value or value == '' then return 'null' end
  -- Most texts have nothing that JSON writes otherwise.
  if not string.find(value, '[%c"\\]') then return '"' .. value .. '"' end
  -- cjson writes "\/" for "/": right, but hard to read in redis-cli.
  return (string.gsub(cjson.encode(value), '\\/', '/'))
end
local function json_number(value)
  if value and string.match(value, '^%-?%d+%.?%d*$') then return value end
  return 'null'
end
local function json_raw(value, default)
  if value and value ~= '' then return value end
  return default
end

-- What nobody may miss: `warnings` is a list in JSON, on the record and in the result.
local function add_warning(id, text)
  local list = redis.call('HGET', job_key(id), 'warnings')
  local head = list and string.match(list, '^(%[".*)%]$')
  redis.call('HSET', job_key(id), 'warnings', (head and head .. ',' or '[') .. json_text(text) .. ']')
end

local function json_exports(id, wanted, urls, state)
  local out = {}
  for format in string.gmatch(wanted or '', '[^,]+') do
    local f = redis.call('HMGET', job_key(id), format .. '_stored', format .. '_bytes', format .. '_sha256',
      format .. '_error', format .. '_linked_at')
    local url, problem = urls[format], f[4]
    if not url and not f[1] and not problem and state == 'completed' then
      problem = f[5] and 'the link expired' or 'Gamma completed the deck without a link to this file'
    end
    out[#out + 1] = '{"format":"' .. format .. '","url":' .. json_text(url) .. ',"stored":' .. json_text(f[1]) ..
      ',"bytes":' .. json_number(f[2]) .. ',"sha256":' .. json_text(f[3]) .. ',"error":' .. json_text(problem) .. '}'
  end
  return '[' .. table.concat(out, ',') .. ']'
end

-- Writes result:<id>; `ttl` in ms, 'keep' where there is one, or nil where the job isn't over. Answers whom to tell of an end.
local function write_result(id, ttl)
  local r = redis.call('HMGET', job_key(id), 'state', 'generation_id', 'gamma_id', 'gamma_url', 'export_url',
    'pdf_url', 'pptx_url', 'png_url', 'exports', 'credits_deducted', 'credits_remaining', 'warnings', 'error',
    'account', 'meta', 'polls', 'created_at', 'submitted_at', 'finished_at', 'late', 'extra_generation_id', 'summary', 'callback')
  local urls = { pdf = r[6], pptx = r[7], png = r[8] }
  local out = { '{"id":', json_text(id), ',"state":', json_text(r[1]), ',"generationId":', json_text(r[2]),
    ',"gammaId":', json_text(r[3]), ',"gammaUrl":', json_text(r[4]), ',"exportUrl":', json_text(r[5]),
    ',"pdfUrl":', json_text(r[6]), ',"pptxUrl":', json_text(r[7]), ',"pngUrl":', json_text(r[8]),
    ',"exports":', json_exports(id, r[9], urls, r[1]),
    ',"credits":{"deducted":', json_number(r[10]), ',"remaining":', json_number(r[11]), '}',
    ',"warnings":', json_raw(r[12], '[]'), ',"error":', json_raw(r[13], 'null'),
    ',"account":', json_text(r[14]), ',"meta":', json_text(r[15]), ',"polls":', json_raw(r[16], '0'),
    ',"createdAt":', json_number(r[17]), ',"submittedAt":', json_number(r[18]),
    ',"finishedAt":', json_number(r[19]) }
  if r[20] then out[#out + 1] = ',"late":true' end
  if r[21] then out[#out + 1] = ',"extraGenerationId":' .. json_text(r[21]) end
  if r[22] then out[#out + 1] = ',"summary":' .. json_text(r[22]) end
  local text = table.concat(out) .. '}'
  if ttl == 'keep' then redis.call('SET', key('result:' .. id), text, 'XX', 'KEEPTTL')
  elseif ttl then redis.call('SET', key('result:' .. id), text, 'PX', ttl)
  else redis.call('SET', key('result:' .. id), text) end
  return r[23]
end

-- Out of the schedule, into the index of the state that a job ended in. settle_jobs does it for many at once.
local rest_in = function(id, state) redis.call('ZREM', key('due'), id) redis.call('ZADD', key(state), now_text, id) count(state) end
-- Puts a job to rest, without the fields that are named after its state. A parked job is live and is kept without a limit.
local function end_job(id, state, ...)
  rest_in(id, state)
  local parked = state == 'ambiguous'
  -- What only mattered on the way.
  local gone = { 'worker', 'next_at', 'slot', 'submit_failures', 'poll_failures', 'progress', 'progress_quarter', ... }
  if not parked then gone[#gone + 1] = 'cancel_requested' gone[#gone + 1] = 'cancel_requested_by' end
  redis.call('HDEL', job_key(id), unpack(gone))
  local callback = write_result(id, not parked and ttl_ms or nil)
  if not parked then redis.call('PEXPIRE', job_key(id), ttl_ms) end
  if not parked and callback then call_back(id, state) end
end
