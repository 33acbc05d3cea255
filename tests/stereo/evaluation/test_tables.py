"""Tables from hand-made scores, in both formats."""

from stereo.evaluation.results import Mean, means
from stereo.evaluation.tables import latex, markdown, table_notes
from tests.stereo.evaluation.conftest import result

SETTINGS = {"size_px": 64, "crop": "none", "disparity": "true"}


def test_every_table_is_in_both_formats_with_its_notes() -> None:
    rows = [
        result("telea", group="KITTI 2015", psnr=20.0, lpips_squeeze=0.1),
        result("best", group="KITTI 2015", psnr=21.0, lpips_squeeze=0.05),
        result("best-without-fusion", group="KITTI 2015", psnr=20.5, lpips_squeeze=0.05),
    ]
    summary = means(rows)
    notes = table_notes(SETTINGS, summary)
    text, tex = markdown("Test", summary, notes), latex("Test", summary, notes)
    assert text.count("\n## ") == tex.count("\\begin{table}") == 3
    assert "GenStereo (pseudo disparity) (published) | - | 23.49 | 0.849" in text
    assert "GenStereo (pseudo disparity) (published) & - & 23.49 & 0.849" in tex
    assert "LPIPS 0.1: S SqueezeNet 1.1." in text and "Aim of best - telea" in text
    assert r"LPIPS-S \%" in tex and "LPIPS-S %" not in tex
    skipped = table_notes(
        SETTINGS,
        [Mean("KITTI 2015", "telea", 1, {"psnr": 1.0}, {"psnr": frozenset({("KITTI 2015", "a")})})],
    )
    assert "LPIPS skipped: weights not found." in skipped
