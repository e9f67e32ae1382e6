-- additive: who wrote an entry of the audit log, as the database knows it. Nobody but the owner may
-- say otherwise. NULL in entries from before.
ALTER TABLE tickstock.audit_log ADD COLUMN by_role text;
ALTER TABLE tickstock.audit_log ALTER COLUMN by_role SET DEFAULT session_user;
