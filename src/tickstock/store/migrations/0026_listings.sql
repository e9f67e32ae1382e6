-- additive: new tables that only new code reads
-- 0026 listings: which symbols the vendor lists, and which symbols identifiers have. Read when a person
-- asks for it; they tell the symbols of a list from words, beside the shipped list.
CREATE TABLE tickstock.listings (
    symbol           text PRIMARY KEY,
    kind             text NOT NULL DEFAULT '',
    exchange         text NOT NULL DEFAULT '',
    name             text NOT NULL DEFAULT '',
    figi             text,
    share_class_figi text,
    cik              text,
    source           text NOT NULL,
    read_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX listings_by_figi ON tickstock.listings (figi);
CREATE INDEX listings_by_share_class ON tickstock.listings (share_class_figi);
-- What the vendor answered about a CUSIP; no symbol: it knows none.
CREATE TABLE tickstock.identifiers (
    cusip   text PRIMARY KEY,
    symbol  text,
    source  text NOT NULL,
    read_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
