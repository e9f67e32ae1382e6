-- additive: an index
-- 0027 revisions by time: bars replaced since a moment, or until one, without a look at all of them.
CREATE INDEX bar_revisions_by_time ON tickstock.bar_revisions (timeframe, replaced_at);
