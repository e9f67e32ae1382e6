-- additive: a function
-- 0034 receipts forgotten: those that nobody can look at any more, by the owner's right. Whoever makes
-- receipts may change none, and so remove none either that is still to be seen.
CREATE FUNCTION tickstock.forget_receipts(ended_before timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = tickstock, pg_catalog AS $$
    DELETE FROM receipts
    WHERE least(expires_at, revoked_at) < least(ended_before, clock_timestamp())
$$;
REVOKE ALL ON FUNCTION tickstock.forget_receipts(timestamptz) FROM PUBLIC;
