"""What is said to people, which may repeat what they or their files said: no longer than can be read."""

import re

LONGEST_WORD = 120
LONGEST_TEXT = 2_000


def in_short(text: str) -> str:
    """A text whose long words and long middle are left out: both ends of each are kept, around an ellipsis."""
    text = re.sub(rf"\S{{{LONGEST_WORD + 1},}}", lambda word: _ends_of(word[0], LONGEST_WORD), text)
    return _ends_of(text, LONGEST_TEXT)


def _ends_of(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest * 3 // 4 - 1]}…{text[-(longest // 4) :]}"
