-- name: beside
-- How many workers were lost without this call (none: without the splits and dividends of this job)
-- since the first one was that was lost with it: with other calls, but for those that are known to
-- kill; with what nobody has taken over yet; and with nothing in hand, as the job engine tells.
WITH mine AS (
    SELECT worker, at FROM tickstock.losses
    WHERE load_id = %(load_id)s AND call_id IS NOT DISTINCT FROM %(call_id)s::bigint
    UNION ALL SELECT %(worker)s, clock_timestamp()
), since AS (
    SELECT min(at) AS at FROM mine
), gone AS (
    SELECT l.worker FROM tickstock.losses AS l LEFT JOIN tickstock.calls AS c ON c.id = l.call_id
    WHERE l.at >= (SELECT at FROM since) AND c.error_class IS DISTINCT FROM 'PoisonCall'
    UNION SELECT worker FROM tickstock.calls
    WHERE state = 'leased' AND lease_until < clock_timestamp()
    UNION SELECT worker FROM tickstock.load_actions
    WHERE state = 'running' AND lease_until < clock_timestamp()
    UNION SELECT w.name
    FROM tickstock.workers AS w JOIN procrastinate_workers AS p ON p.id = w.engine_id
    WHERE p.last_heartbeat >= (SELECT at FROM since)
      AND p.last_heartbeat < clock_timestamp() - %(silence)s
)
SELECT count(*) FROM gone WHERE worker NOT IN (SELECT worker FROM mine)
