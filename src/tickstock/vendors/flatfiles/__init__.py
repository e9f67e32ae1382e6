"""The vendor's flat files: one file a session, over S3 or in a folder."""
