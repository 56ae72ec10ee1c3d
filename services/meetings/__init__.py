"""Centres, places, rooms, meetings and imports."""
