-- additive: tables
-- 0035 ticker events: under which tickers firms traded since when, as the vendor answered, with since
-- when and until when it was said; and whose accounts are refused it.
CREATE TABLE tickstock.ticker_histories (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text NOT NULL,
    asked       text NOT NULL,
    name        text NOT NULL DEFAULT '',
    figi        text NOT NULL DEFAULT '',
    cik         text NOT NULL DEFAULT '',
    days        date[] NOT NULL DEFAULT '{}',
    tickers     text[] NOT NULL DEFAULT '{}',
    verdict     text NOT NULL DEFAULT '',
    known_from  timestamptz NOT NULL DEFAULT clock_timestamp(),
    known_until timestamptz,
    read_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX ticker_histories_known ON tickstock.ticker_histories (source, asked)
    WHERE known_until IS NULL;
CREATE TABLE tickstock.ticker_events_refused (
    vendor     text NOT NULL,
    account    text NOT NULL,
    words      text NOT NULL,
    refused_at timestamptz NOT NULL,
    PRIMARY KEY (vendor, account)
);
