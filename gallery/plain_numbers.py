"""Numbers as people write them."""


def in_full(number: float, decimals: int = 7) -> str:
    """A number without exponent and without zeros at its end; seven decimals of a degree are a centimetre."""
    text = f"{number:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
