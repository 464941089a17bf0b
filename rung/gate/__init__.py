"""The holdout decision: promote, hold or reject, and the receipt that lets anyone recompute it."""
