"""Openchair: what recovery communities do together, scheduled and published."""
