-- Takes links to files off records and results when they are good no more: see exports.lua.
-- KEYS: base
-- ARGV: events_cap ttl_ms most
--   most  jobs to look at
-- Returns: how many entries were dealt with
local ids = redis.call('ZRANGEBYSCORE', key('links'), '-inf', int(now), 'LIMIT', 0, tonumber(ARGV[3]))
local records = {}
for i, id in ipairs(ids) do records[i] = redis.pcall('HMGET', job_key(id), 'state', 'v') end

-- Writes from here on.
if #ids > 0 then pass_when_full() end
for i, id in ipairs(ids) do
  local r = records[i]
  if not r.err and is_newer(r[2]) then redis.call('ZADD', key('links'), int(now + 86400000), id)
  else
    if r[1] then
      redis.call('HDEL', job_key(id), 'export_url', 'pdf_url', 'pptx_url', 'png_url')
      write_result(id, 'keep')
    end
    redis.call('ZREM', key('links'), id)
  end
end
return #ids
