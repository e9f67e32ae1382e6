"""Synthetic bars for any symbol, without a vendor."""
