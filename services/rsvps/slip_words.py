"""What stands on a printed slip, by language."""

# ruff: noqa: RUF001 - apostrophes as French is printed

from __future__ import annotations

from typing import Final, NamedTuple


class Words(NamedTuple):
    """The words of one language. `{…}` is filled in."""

    title: str
    attended: str
    meeting: str
    person: str
    unchecked: str
    date: str
    times: str
    way: str
    in_person: str
    online: str
    centre: str
    until: str
    number: str
    scan: str
    how: str
    kept: str


ENGLISH: Final = Words(
    title="Attendance slip",
    attended="Whoever asked for this slip attended {meeting} of {centre}.",
    meeting="a meeting",
    person="Name",
    unchecked="as said by who asked for this slip; nobody checked it",
    date="Date",
    times="Time",
    way="Attended",
    in_person="in person",
    online="online",
    centre="Centre",
    until="Valid until",
    number="Number",
    scan="What the code holds, as text:",
    how="To verify it: ask {centre} for its public key and give it, with this file or the text of the code, to the "
    "program verify_slip.py of Openchair. No network is needed. Whether the slip was revoked only the centre can say.",
    kept="The centre keeps neither this slip nor who asked for it.",
)

_WORDS: Final = {
    "en": ENGLISH,
    "fr": Words(
        title="Attestation de présence",
        attended="La personne qui a demandé cette attestation a participé à {meeting} de {centre}.",
        meeting="une réunion",
        person="Nom",
        unchecked="selon la personne qui a demandé l’attestation ; personne ne l’a vérifié",
        date="Date",
        times="Heure",
        way="Participation",
        in_person="sur place",
        online="en ligne",
        centre="Centre",
        until="Valable jusqu’au",
        number="Numéro",
        scan="Contenu du code, en texte :",
        how="Pour la vérifier : demandez sa clé publique à {centre} et donnez-la, avec ce fichier ou le texte du code, "
        "au programme verify_slip.py d’Openchair. Aucun réseau n’est nécessaire. Seul le centre peut dire si elle a "
        "été révoquée.",
        kept="Le centre ne garde ni cette attestation, ni qui l’a demandée.",
    ),
    "de": Words(
        title="Teilnahmebescheinigung",
        attended="Wer diese Bescheinigung verlangt hat, war bei {meeting} von {centre} dabei.",
        meeting="einem Treffen",
        person="Name",
        unchecked="wie angegeben; niemand hat ihn geprüft",
        date="Datum",
        times="Zeit",
        way="Teilnahme",
        in_person="vor Ort",
        online="online",
        centre="Zentrum",
        until="Gültig bis",
        number="Nummer",
        scan="Inhalt des Codes als Text:",
        how="So wird sie geprüft: Den öffentlichen Schlüssel von {centre} erfragen und ihn mit dieser Datei oder dem "
        "Text des Codes dem Programm verify_slip.py von Openchair geben. Ein Netz ist nicht nötig. Ob sie widerrufen "
        "wurde, kann nur das Zentrum sagen.",
        kept="Das Zentrum behält weder die Bescheinigung noch, wer sie verlangt hat.",
    ),
}


def words(language: str) -> Words:
    """Those of a language (BCP 47), as far as its first subtag is known; English otherwise."""
    return _WORDS.get(language.lower().partition("-")[0], ENGLISH)
