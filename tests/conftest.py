"""Settings every test runs under."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Two busy cores must not fail a test by being slow; in CI the same examples are drawn every time.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("ours"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "ours")
