"""The vendor Massive (formerly Polygon.io) over REST: its wire format, and who asks."""
