"""Texts that try to run code in a page, and what a page would ask of other hosts."""

import re

HOSTILE = [
    "<img src=x onerror=hit()>",
    "`+hit()+`",
    "${hit()}",
    "</script><script>hit()</script>",
    "';hit();//",
]


def outside_addresses(page: str) -> set[str]:
    """Addresses of other hosts that the page would ask for, or that a visitor could click."""
    return set(re.findall(r"""(?:src|href)\s*=\s*\\?["'](https?://[^"'\\]+)""", page)) - {"https://leafletjs.com"}
