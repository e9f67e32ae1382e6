-- name: known
-- What is known of an account; with `learned_by`, only what that load has met itself. Without an
-- account, that of the vendor's account that was learned of last.
SELECT kind, timeframe, since, lag, refused, excludes, learned_at
FROM tickstock.account_limits
WHERE vendor = %(vendor)s
  AND account = coalesce(nullif(%(account)s, ''), (
      SELECT account FROM tickstock.account_limits WHERE vendor = %(vendor)s
      ORDER BY learned_at DESC LIMIT 1))
  AND (%(learned_by)s::uuid IS NULL OR learned_by = %(learned_by)s)
ORDER BY kind DESC, timeframe

-- name: learn
-- What was learned takes the place of what was known.
INSERT INTO tickstock.account_limits
    (vendor, account, kind, timeframe, since, lag, refused, excludes, learned_at, learned_by)
VALUES (%(vendor)s, %(account)s, %(kind)s, %(timeframe)s, %(since)s, %(lag)s, %(refused)s,
        %(excludes)s, %(learned_at)s, %(learned_by)s)
ON CONFLICT (vendor, account, kind, timeframe) DO UPDATE
SET since = excluded.since, lag = excluded.lag, refused = excluded.refused,
    excludes = excluded.excludes, learned_at = excluded.learned_at, learned_by = excluded.learned_by

-- name: drop
-- An answer has shown that it holds no longer.
DELETE FROM tickstock.account_limits
WHERE vendor = %(vendor)s AND account = %(account)s AND kind = %(kind)s
  AND timeframe = %(timeframe)s

-- name: forget
-- All that is known of a vendor's accounts.
DELETE FROM tickstock.account_limits WHERE vendor = %(vendor)s

-- name: forget_gaps
-- What stands of gaps for the same reason: the next job asks for them.
DELETE FROM tickstock.holes WHERE cause = 'not_entitled'
