"""Stereo containers as another program reads them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from stereo import save_pair
from tests.stereo.formats.pairs import noise_pair


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_exiftool_reads_both_stereo_containers(tmp_path: Path) -> None:
    paths = save_pair(noise_pair(), tmp_path, formats=["mpo", "jps"])[:2]
    told = subprocess.run(["exiftool", "-j", *map(str, paths)], capture_output=True, check=True)
    mpo, jps = json.loads(told.stdout)
    assert (mpo["FileType"], mpo["NumberOfImages"]) == ("MPO", 2)
    assert mpo["MPImageType"] == "Multi-frame Disparity"
    assert (mpo["ImageWidth"], jps["ImageWidth"]) == (32, 64)
    assert (jps["FileType"], jps["JPSType"], jps["JPSLayout"]) == ("JPS", "Stereo", "Side By Side")
