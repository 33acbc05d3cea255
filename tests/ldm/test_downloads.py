"""What can be fetched agrees with what is looked for."""

from ldm.downloads import DOWNLOADS, find_download
from ldm.known_files import KNOWN_FILES, describe_missing


def test_a_missing_published_file_names_a_fetch_that_brings_it():
    for known in KNOWN_FILES:
        if known.fetch:
            download = find_download(known.fetch)
            assert (download.file, download.folder) == (known.name, known.folder)
            assert known.sha256 in (None, download.sha256)
            assert f"python -m stereo.fetch {known.fetch}" in describe_missing(known.name)


def test_names_are_told_apart():
    assert len({each.name for each in DOWNLOADS}) == len(DOWNLOADS)
    assert all((each.file is None) == (each.folder is None) for each in DOWNLOADS)
