-- additive: columns with no default that only new code reads, and an index
-- 0020 market sizes: how many tickers each whole-market answer spoke of, by which half an answer is
-- told from a whole one, and which file it was.
ALTER TABLE tickstock.calls ADD COLUMN tickers integer, ADD COLUMN file_key text;
CREATE INDEX calls_of_markets ON tickstock.calls (kind, timeframe, lower(span)) WHERE tickers IS NOT NULL;
