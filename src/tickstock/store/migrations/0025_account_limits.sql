-- additive: tables, and a column without a default that only new code reads
-- 0025 account limits: what the accounts at vendors include, as refusals have told; and how many
-- requests each call took, by which a call that was not made is told from one that was. Rows of
-- answers that were put aside, for the report of a load.
CREATE TABLE tickstock.account_limits (
    vendor     text NOT NULL,
    account    text NOT NULL,
    kind       text NOT NULL,
    timeframe  text NOT NULL,
    since      date,
    lag        interval NOT NULL DEFAULT '0',
    refused    text[] NOT NULL DEFAULT '{}',
    excludes   boolean NOT NULL DEFAULT false,
    learned_at timestamptz NOT NULL,
    learned_by uuid,
    PRIMARY KEY (vendor, account, kind, timeframe)
);
ALTER TABLE tickstock.calls ADD COLUMN asked integer;
CREATE TABLE tickstock.rows_aside (
    load_id uuid NOT NULL REFERENCES tickstock.loads ON DELETE CASCADE,
    of_call text NOT NULL,
    rows    integer NOT NULL,
    first   text NOT NULL,
    PRIMARY KEY (load_id, of_call)
);
