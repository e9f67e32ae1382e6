-- 0003 bridge: jobs of clients that were refused, so that they are answered after a restart too,
-- and a short way to the loads that clients wait for.
CREATE TABLE tickstock.job_refusals (
    client_id  text PRIMARY KEY,
    job_type   text NOT NULL,
    reason     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX job_refusals_by_age ON tickstock.job_refusals (created_at);

CREATE INDEX loads_of_clients ON tickstock.loads (finished_at) WHERE client_id IS NOT NULL;
