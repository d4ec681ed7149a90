"""Values as JSON text that any screen can show."""

import json
from unicodedata import category

from paramc.diagnostics.render import HIDDEN


def json_text(value: object) -> str:
    """The value as indented JSON; letters of every script stay as they are, what screens obey or hide is escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    if not text.isascii():
        hidden = {sign for sign in set(text) if sign != "\n" and category(sign) in HIDDEN}
        text = text.translate({ord(sign): json.dumps(sign)[1:-1] for sign in hidden})
    return f"{text}\n"
