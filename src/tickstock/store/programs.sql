-- name: settings
-- Every setting that this server knows.
SELECT name FROM pg_catalog.pg_settings

-- name: partitions
-- Every partition, named as pg_dump names it.
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relispartition AND c.relkind IN ('r', 'p') ORDER BY c.oid DESC

-- name: missing_roles
-- Roles of a list that this server does not have.
SELECT name FROM unnest(%(names)s::text[]) AS name
WHERE name <> 'public' AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name)
ORDER BY name
