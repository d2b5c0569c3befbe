-- How far a generation is, as Gamma 5 says while it is pending. It stands on the record as it came; `events` gets an entry
-- for each quarter that is reached, so that a generation leaves four at the most, however often it is looked at.

-- Tells of a new quarter, and answers with the fields to write: a quarter that was reached stays reached, whatever a later
-- answer says.
local function with_progress(id, state, fields, worker)
  for i = 1, #fields - 1, 2 do
    if fields[i] == 'progress_quarter' then
      local reached = tonumber(redis.call('HGET', job_key(id), 'progress_quarter')) or 0
      local quarter = tonumber(fields[i + 1]) or 0
      if quarter > reached then event(id, state, state, worker, 'progress: ' .. int(quarter * 25) .. ' %') end
      fields[i + 1] = int(math.max(quarter, reached))
    end
  end
  return fields
end
