-- name: open
-- The budget row of a vendor account.
INSERT INTO tickstock.budgets (vendor) VALUES (%(vendor)s) ON CONFLICT DO NOTHING

-- name: take
-- Take `n` grants when the next one is due and nobody more urgent is about to come for it. Nothing
-- is reserved ahead: a worker that dies, or that others are told to wait for, holds none. Who is late
-- by less than `tolerance` does not move the rhythm. Of whom waits behind who takes (`following`) the
-- others are told at once: to ask again takes longer in a busy process than the next grant.
UPDATE tickstock.budgets
SET next_at = greatest(next_at, clock_timestamp() - %(tolerance)s) + %(n)s * %(spacing)s,
    granted = granted + %(n)s,
    wanted_priority = coalesce(%(following)s::integer, wanted_priority),
    wanted_until = CASE WHEN %(following)s::integer IS NOT NULL
        THEN greatest(next_at, clock_timestamp() - %(tolerance)s) + %(n)s * %(spacing)s + %(grace)s END
WHERE vendor = %(vendor)s AND next_at <= clock_timestamp()
  AND (wanted_until IS NULL OR wanted_until <= clock_timestamp() OR wanted_priority <= %(priority)s)
RETURNING extract(epoch FROM next_at - %(n)s * %(spacing)s - clock_timestamp())::float8

-- name: wait
-- Seconds until the next grant is due, or may be had after one who is more urgent. Who is the most
-- urgent to be told so is kept: for a moment (`grace`) after the grant is due it is theirs.
WITH kept AS (
    UPDATE tickstock.budgets
    SET wanted_priority = %(priority)s,
        wanted_until = greatest(next_at, clock_timestamp()) + %(grace)s
    WHERE vendor = %(vendor)s
      AND (wanted_until IS NULL OR wanted_until <= clock_timestamp() OR wanted_priority <= %(priority)s)
)
SELECT extract(epoch FROM greatest(next_at, CASE WHEN wanted_priority > %(priority)s
                                            THEN least(wanted_until, clock_timestamp() + %(look)s) END)
                          - clock_timestamp())::float8
FROM tickstock.budgets WHERE vendor = %(vendor)s

-- name: push_back
-- The vendor said 429: nobody asks again before that time.
UPDATE tickstock.budgets
SET next_at = greatest(next_at, clock_timestamp() + %(delay)s), throttled = throttled + 1
WHERE vendor = %(vendor)s
