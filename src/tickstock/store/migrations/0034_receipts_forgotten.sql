-- additive: a function
-- 0034 receipts forgotten: those that nobody can look at any more, by the owner's right. Whoever makes
-- receipts may change none, and so remove none either that is still to be seen.
CREATE FUNCTION tickstock.forget_receipts(ended_before timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = tickstock, pg_catalog AS $$
    DELETE FROM receipts
    WHERE least(expires_at, revoked_at) < least(ended_before, clock_timestamp())
$$;
REVOKE ALL ON FUNCTION tickstock.forget_receipts(timestamptz) FROM PUBLIC;
-- Whoever makes receipts may: roles that were given before need not be given again.
DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT DISTINCT grantee FROM information_schema.role_table_grants
                WHERE table_schema = 'tickstock' AND table_name = 'receipts'
                  AND privilege_type = 'INSERT' AND grantee <> 'PUBLIC' LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION tickstock.forget_receipts(timestamptz) TO %I', name);
    END LOOP;
END $$;
