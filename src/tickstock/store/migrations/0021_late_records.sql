-- additive: when all splits or dividends of an instrument were asked for last, the oldest ones as
-- well, and under which tickers. NULL and none for what was asked before: it is asked again.
ALTER TABLE tickstock.actions_known ADD COLUMN whole date;
ALTER TABLE tickstock.actions_known ADD COLUMN whole_at timestamptz;
ALTER TABLE tickstock.actions_known ADD COLUMN tickers text[] NOT NULL DEFAULT '{}';
