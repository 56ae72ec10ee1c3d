"""All services of a site, as processes know them."""

from __future__ import annotations

from services.feeds import plan as feeds
from services.meetings import plan as meetings
from services.rsvps import plan as rsvps
from services.web import plan as web

PLANS = (meetings.PLAN, rsvps.PLAN, feeds.PLAN, web.PLAN)
