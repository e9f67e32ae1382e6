-- name: listen
-- Wait for notifications of one channel.
LISTEN {channel}

-- name: pulse
-- Whether the database answers.
SELECT 1
