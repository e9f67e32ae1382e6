-- name: listen
-- Wait for notifications of one channel.
LISTEN {channel}
