"""What it costs: ratios, measured side by side in one run on one machine. ``python -m evals.bench``.

Machines are noisy and disks differ by twenty times, so nothing here is a pass mark and nothing is a test.
"""
