-- name: keep
-- A plan that was shown. The same plan shown again stands longer.
INSERT INTO tickstock.plans (token, digest, request, state, expires_at)
VALUES (%(token)s, %(digest)s, %(request)s, %(state)s, %(expires_at)s)
ON CONFLICT (token) DO UPDATE SET expires_at = EXCLUDED.expires_at

-- name: prune
-- Plans that no longer stand.
DELETE FROM tickstock.plans WHERE expires_at <= %(now)s

-- name: find
-- The plan that a token, or the start of one, names.
SELECT token, digest, request, state, expires_at FROM tickstock.plans
WHERE starts_with(token, %(token)s) AND expires_at > %(now)s ORDER BY token LIMIT 2

-- name: universe_revision
-- The newest change of any of these universes, and the newest history that was told of one.
SELECT coalesce((SELECT max(id) FROM tickstock.universe_revisions
                 WHERE environment = %(environment)s AND type || ':' || key = ANY (%(refs)s)), 0)
       || '.' ||
       coalesce((SELECT max(id) FROM tickstock.universe_histories
                 WHERE environment = %(environment)s AND type || ':' || key = ANY (%(refs)s)), 0)
