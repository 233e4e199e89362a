"""Which columns are personal data: names, e-mails and phones are never features and never in logs."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["personal_reason", "without_emails"]

_PERSON_NAMES: Final = frozenset(
    [
        "name", "full_name", "fullname", "first_name", "firstname", "last_name", "lastname", "middle_name",
        "given_name", "family_name", "forename", "surname", "contact_name", "customer_name", "client_name",
        "lead_name", "person_name", "prospect_name", "contact_person", "username", "user_name", "nombre",
        "nombres", "nombre_completo", "apellido", "apellidos", "nom", "prenom", "nome",
        "cognome", "sobrenome", "nachname", "vorname",
    ]
)  # fmt: skip
"""Whole column names, tidied: ``campaign_name`` and ``company_name`` are no people."""

_REACH_WORDS: Final = frozenset(
    [
        "email", "emails", "mail", "phone", "telephone", "mobile", "cell", "cellphone", "fax", "whatsapp", "skype",
        "linkedin", "twitter", "correo", "telefono", "movil", "celular", "telefon", "handy", "courriel", "tel",
        "telefone", "ssn", "passport", "iban", "dni", "nif", "cpf", "birthdate", "birthday", "dob", "ip",
    ]
)  # fmt: skip
"""Words in a column's name that speak of how to reach, or how to tell, one person."""

_REACH_NAMES: Final = frozenset({"e_mail", "date_of_birth", "birth_date", "street", "address", "direccion"})
_FLAG_VALUES: Final = 12
"""With so few different values a column named ``do_not_email`` or ``phone_type`` tells no one apart."""

_EMAIL: Final = r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+\.[A-Za-z]{2,}"
_PHONE: Final = r"^(\+|00|\(?0)\d[\d\s()\-/]{5,19}$|^\(?\d{2,4}\)?[\s.\-/]\d{3}[\s.\-/]\d{2,}[\d\s.\-/]*$"
_EMAIL_SHARE: Final = 0.05
_PHONE_SHARE: Final = 0.5


def personal_reason(name: str, text: pa.ChunkedArray) -> str | None:
    """Say why a column is personal data, or None.

    Parameters
    ----------
    name : str
        The column's tidy name.
    text : ChunkedArray of strings
        Its values.
    """
    known = len(text) - text.null_count
    distinct = pc.count_distinct(text).as_py()
    if known and _share(text, _EMAIL) > _EMAIL_SHARE:
        return "personal data: holds e-mail addresses"
    if distinct > _FLAG_VALUES and _share(text, _PHONE) > _PHONE_SHARE:
        return "personal data: holds phone numbers"
    if name in _PERSON_NAMES or name in _REACH_NAMES:
        return "personal data, by its name"
    tells = _REACH_WORDS & set(name.split("_")) or any(f"_{one}_" in f"_{name}_" for one in _REACH_NAMES)
    # numbers of e-mails or calls are behaviour; few values are a flag
    if tells and (distinct > _FLAG_VALUES or distinct == known) and not _all_small_numbers(text):
        return "personal data, by its name"
    return None


def _share(text: pa.ChunkedArray, pattern: str) -> float:
    return float(pc.mean(pc.match_substring_regex(text, pattern).cast(pa.int8())).as_py())


def _all_small_numbers(text: pa.ChunkedArray) -> bool:
    return bool(pc.all(pc.match_substring_regex(text, r"^-?\d{1,5}(\.\d*)?$")).as_py())


def without_emails(text: pa.ChunkedArray) -> tuple[pa.ChunkedArray, int]:
    """Blank the stray cells that hold an e-mail address, and count them."""
    found = pc.fill_null(pc.match_substring_regex(text, _EMAIL), False)
    count = int(pc.sum(found).as_py() or 0)
    return (pc.if_else(found, pa.scalar(None, text.type), text), count) if count else (text, 0)
