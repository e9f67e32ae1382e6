-- additive: a table
-- 0031 receipts: what views of coverage showed, to be looked at by whoever has the link, for a while.
CREATE TABLE tickstock.receipts (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash  bytea NOT NULL UNIQUE,
    made_at     timestamptz NOT NULL,
    made_by     text NOT NULL,
    reason      text NOT NULL,
    universe    text NOT NULL,
    timeframe   text NOT NULL,
    first       date,
    last        date,
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz,
    revoked_by  text,
    instruments integer[] NOT NULL,
    unknown     text[] NOT NULL,
    state       text NOT NULL,
    body        jsonb NOT NULL
);
