-- Takes a command that can't be used off the control stream, and says why in `events`.
-- KEYS: base
-- ARGV: events_cap ttl_ms worker by entry id why
--   id  of the job that it names, '' where it names none
-- Returns: outcome text, as cancel_job does
-- Works in a full Redis.
local no = not_now()
if no then return no end
return decline('refused', ARGV[6], ARGV[7])
