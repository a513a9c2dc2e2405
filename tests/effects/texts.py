"""Texts of knobs, one by one."""

from dialin.effects.vst3_texts import read_texts


def parse_text(text: str) -> tuple[float, str] | None:
    """Number and unit of a text that stands alone; None if it is no number."""
    read = read_texts([text])
    if read is None or read.values[0] is None:
        return None
    return read.values[0], read.unit
