"""What a visitor of the page may ask for."""

from dataclasses import dataclass

MAX_STEPS = 100
MAX_SAMPLES = 4
MAX_PROMPT_CHARACTERS = 1000
# Larger pictures are worked on at this size: every result is written in some 25 formats.
WORKING_PIXELS = 1_500_000


@dataclass(frozen=True)
class Limits:
    """Set by whoever starts the page.

    Attributes:
        file_megabytes: largest upload.
        megapixels: largest picture that is decoded.
        jobs: running and waiting ones of all visitors together.
        results: kept for a visitor; older ones are deleted.
    """

    file_megabytes: int = 20
    megapixels: float = 40.0
    jobs: int = 16
    results: int = 12
