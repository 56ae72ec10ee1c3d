"""Kinds of what people come together for: data, so that a centre may add its own (`Centre.kinds`)."""

from __future__ import annotations

from typing import Final

KINDS: Final[dict[str, dict[str, str]]] = {
    "support-meeting": {"en": "Support meeting", "es": "Reunión de apoyo", "de": "Selbsthilfemeeting"},
    "group-therapy": {"en": "Group therapy", "es": "Terapia de grupo", "de": "Gruppentherapie"},
    "class": {"en": "Class", "es": "Clase", "de": "Unterricht"},
    "course": {"en": "Course", "es": "Curso", "de": "Kurs"},
    "workshop": {"en": "Workshop", "es": "Taller", "de": "Workshop"},
    "retreat": {"en": "Retreat", "es": "Retiro", "de": "Retreat"},
    "social": {"en": "Social", "es": "Convivencia", "de": "Geselliges"},
    "coaching": {"en": "Recovery coaching", "es": "Acompañamiento", "de": "Coaching"},
    "family": {"en": "Family and friends", "es": "Familiares y amigos", "de": "Angehörige"},
    "drop-in": {"en": "Drop-in", "es": "Visita libre", "de": "Offener Treff"},
    "open-hours": {"en": "Open hours", "es": "Horario de apertura", "de": "Öffnungszeiten"},
    "house-meeting": {"en": "House meeting", "es": "Reunión de la casa", "de": "Hausversammlung"},
    "celebration": {"en": "Celebration", "es": "Celebración", "de": "Feier"},
    "training": {"en": "Training", "es": "Formación", "de": "Schulung"},
    "service": {"en": "Service meeting", "es": "Reunión de servicio", "de": "Dienstmeeting"},
}
"""Names by kind and language, in the order in which a list of kinds is shown."""


def kind_name(kind: str, language: str = "en") -> str | None:
    """What a kind is called in that language (BCP 47; "es-MX" is "es"), else in English; None where it is not known."""
    names = KINDS.get(kind, {})
    return names.get(language.partition("-")[0].lower()) or names.get("en")
