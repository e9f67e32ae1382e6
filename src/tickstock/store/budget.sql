-- name: open
-- The budget row of a vendor account.
INSERT INTO tickstock.budgets (vendor) VALUES (%(vendor)s) ON CONFLICT DO NOTHING

-- name: take
-- Reserve `n` evenly paced grants; answers how many seconds from now the first one is.
UPDATE tickstock.budgets
SET next_at = greatest(next_at, clock_timestamp()) + %(n)s * %(spacing)s, granted = granted + %(n)s
WHERE vendor = %(vendor)s
RETURNING extract(epoch FROM next_at - %(n)s * %(spacing)s - clock_timestamp())::float8

-- name: push_back
-- The vendor said 429: nobody asks again before that time.
UPDATE tickstock.budgets
SET next_at = greatest(next_at, clock_timestamp() + %(delay)s), throttled = throttled + 1
WHERE vendor = %(vendor)s
