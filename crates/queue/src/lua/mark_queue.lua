-- Marks the queue where it has no mark, as one just made or one whose data was lost has none.
-- KEYS: base
-- ARGV: events_cap ttl_ms queue_id
--   queue_id   the mark to give it: another for every life of a queue
-- Returns: the mark that it has
-- Works in a full Redis.
pass_when_full()
redis.call('HSETNX', key('stats'), 'queue_id', ARGV[3])
return redis.call('HGET', key('stats'), 'queue_id')
