"""Intervals, paired and clustered tests, sequential tests, calibration, risk control.

Numbers in, numbers out: nothing here knows a row, a task or a route. numpy and scipy only.
"""
