-- A part of settle_jobs: files that are still to be made, and looks that were the last.
-- Whoever has the link to a file has the file, for a week: after that it stands nowhere any more (drop_links). The
-- earliest of a job's links decides.
local LINK_MS, LINKS = 7 * 86400000, { pdf_url = 1, pptx_url = 1, png_url = 1, export_url = 1 }
local function note_links(id, fields)
  for i = 1, #fields, 2 do
    if LINKS[fields[i]] and fields[i + 1] ~= '' then
      return redis.call('ZADD', key('links'), 'NX', int(now + LINK_MS), id)
    end
  end
end

-- The deck is there and paid for: everybody sees it while its files are made.
local function begin_exports(id, r, note)
  spend_credits(id, r.account)
  redis.call('HDEL', job_key(id), 'error', 'progress', 'poll_failures', 'late_until', 'finished_at')
  redis.call('HSET', job_key(id), 'state', 'exporting')
  if r.state == 'timed_out' then
    redis.call('HSET', job_key(id), 'late', '1')
    redis.call('ZREM', key('timed_out'), id)
    withdraw_callback(id)
  end
  look_at(id, now)
  write_result(id, nil)
  event(id, 'exporting', r.state, worker, note)
end

local function rest(id, r)
  spend_credits(id, r.account)
  redis.call('HDEL', job_key(id), 'next_at', 'late_until')
  redis.call('HSET', job_key(id), 'worker', '')
  place('due', id, false)
  write_result(id, ttl_ms)
  redis.call('PEXPIRE', job_key(id), ttl_ms)
  keep_for_callback(id, CALLBACK_KEPT_MS)
end
