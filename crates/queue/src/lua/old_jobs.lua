-- Looks at the oldest entries of an index of ended jobs, and changes nothing: what a job has outside of Redis goes before
-- its record does, see `sweep_jobs`.
-- KEYS: base
-- ARGV: events_cap ttl_ms state max_jobs from most
--   max_jobs  how many the index may keep, '' for any number
--   from      the rank to begin at: entries that are held stay in front, and are passed over
--   most      how many to look at
-- Returns: for each entry its fate (retention.lua), its id and its score
-- Touches `most` entries at the most, however many there are.
local state, from = ARGV[3], tonumber(ARGV[5])
local spare = too_many(state, ARGV[4])
local found = redis.call('ZRANGE', key(state), from, from + tonumber(ARGV[6]) - 1, 'WITHSCORES')
local out = {}
for i = 1, #found, 2 do
  out[#out + 1] = fate(state, found[i], found[i + 1], from + (i - 1) / 2, spare)
  out[#out + 1] = found[i]
  out[#out + 1] = found[i + 1]
end
return out
