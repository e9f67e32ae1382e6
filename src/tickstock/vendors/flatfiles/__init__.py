"""The vendor's flat files: one file a session, over S3 or in a folder."""

from datetime import timedelta

FILE_LAG = timedelta(hours=20)
"""From a session's close until its flat file is there: 11:00 the next day, and an hour."""
