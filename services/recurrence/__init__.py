"""Rules, zones, exceptions → occurrences. Pure: the one place that knows RFC 5545's time."""
