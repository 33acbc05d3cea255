"""How the page is served, and what a visitor may ask for."""

from dataclasses import dataclass

from stereo.cli.groups import ModelOptions
from stereo.options import option

MAX_STEPS = 100
MAX_SAMPLES = 4
MAX_PROMPT_CHARACTERS = 1000
MAX_PICTURES = 100
MEGABYTE = 2**20
# What may be in an upload beside its files.
FORM_BYTES = 2**16
# So many folders of the largest size are kept.
FOLDERS = 4


@dataclass(frozen=True)
class Limits:
    """Set by whoever starts the page."""

    max_file_mb: int = option(20, "largest upload in megabytes", low=1)
    max_uploads_mb: int = option(
        1000, "all uploads together in megabytes; the oldest make room for new ones", low=1
    )
    max_megapixels: float = option(40.0, "largest picture that is decoded")
    jobs: int = option(16, "running and waiting jobs of all visitors, at most", low=1)
    results: int = option(12, "results kept for a visitor; older ones are deleted", low=1)

    @property
    def upload_mb(self) -> int:
        """Return the largest upload in megabytes: one file, or a folder of them."""
        return max(self.max_file_mb, self.max_uploads_mb // FOLDERS)

    @property
    def upload_bytes(self) -> int:
        """Return the largest body of an upload."""
        return self.upload_mb * MEGABYTE + FORM_BYTES


@dataclass(frozen=True)
class Settings:
    """Where the page is served, and how its models run.

    Attributes:
        host: address that is listened on.
        port: None takes the first free one from 7860.
        allowed_hosts: further names under which visitors reach it, as behind a proxy.
        models: device and precision.
        limits: for visitors.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    allowed_hosts: tuple[str, ...] = ()
    models: ModelOptions = ModelOptions()
    limits: Limits = Limits()
