-- name: open
-- The budget row of a vendor account.
INSERT INTO tickstock.budgets (vendor) VALUES (%(vendor)s) ON CONFLICT DO NOTHING

-- name: take
-- Take `n` grants when the next one is due. Nothing is reserved ahead: a worker that dies, or that
-- others are told to wait for, holds none. Who is late by less than `tolerance` does not move the
-- rhythm.
UPDATE tickstock.budgets
SET next_at = greatest(next_at, clock_timestamp() - %(tolerance)s) + %(n)s * %(spacing)s,
    granted = granted + %(n)s
WHERE vendor = %(vendor)s AND next_at <= clock_timestamp()
RETURNING extract(epoch FROM next_at - %(n)s * %(spacing)s - clock_timestamp())::float8

-- name: wait
-- Seconds until the next grant is due.
SELECT extract(epoch FROM next_at - clock_timestamp())::float8
FROM tickstock.budgets WHERE vendor = %(vendor)s

-- name: push_back
-- The vendor said 429: nobody asks again before that time.
UPDATE tickstock.budgets
SET next_at = greatest(next_at, clock_timestamp() + %(delay)s), throttled = throttled + 1
WHERE vendor = %(vendor)s
