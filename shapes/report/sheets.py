"""Sample sheets for people to look at: 64 prompts, and 16 stereo pairs as anaglyphs."""

import logging
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ldm.files import whole_file
from shapes.report.asks import Ask, pair_asks, single_asks
from shapes.report.bench import Bench
from shapes.report.generate import FIRST_SEED, make_pictures, to_uint8
from stereo.formats.anaglyph import RED_CYAN_DUBOIS, anaglyph
from stereo.options import SamplingOptions
from stereo.pipelines import text_to_stereo

log = logging.getLogger(__name__)

PROMPTS_SHEET, ANAGLYPHS_SHEET = "shapes_prompts.png", "shapes_anaglyphs.png"
PROMPTS, PAIRS = 64, 16
THUMBNAIL_PX, ANAGLYPH_PX = 144, 256
CAPTION_PX = 26
PALETTE = 256


def write_sheets(bench: Bench, folder: Path) -> list[Path]:
    """Make both sheets; returns their paths."""
    asks = sheet_asks(PROMPTS)
    pictures = make_pictures(bench.model, [ask.text for ask in asks], bench.settings.sampling)
    sheet = draw_sheet(to_uint8(pictures), asks, columns=8, side_px=THUMBNAIL_PX)
    paths = [folder / PROMPTS_SHEET, folder / ANAGLYPHS_SHEET]
    save_sheet(paths[0], sheet)
    asks = sheet_asks(PAIRS)
    mixed = np.stack([make_anaglyph(bench, ask, k) for k, ask in enumerate(asks)])
    save_sheet(paths[1], draw_sheet(mixed, asks, columns=4, side_px=ANAGLYPH_PX))
    return paths


def sheet_asks(count: int) -> list[Ask]:
    """Return prompts for one object, then as many for two."""
    return [*single_asks(count // 2), *pair_asks(count - count // 2)]


def make_anaglyph(bench: Bench, ask: Ask, index: int) -> np.ndarray:
    """Make a stereo pair from a prompt with the default preset, as (H, W, 3) uint8 red-cyan."""
    settings = bench.settings
    sampling = SamplingOptions(
        steps=settings.steps, guidance_scale=settings.guidance_scale, seed=FIRST_SEED + index
    )
    pair = text_to_stereo(bench.model, bench.depth_model, ask.text, sampling=sampling)[0]
    log.info("made pair %d of %d", index + 1, PAIRS)
    return anaglyph(pair.left, pair.right, RED_CYAN_DUBOIS)


def draw_sheet(pictures: np.ndarray, asks: list[Ask], *, columns: int, side_px: int) -> Image.Image:
    """Lay out pictures (N, H, W, 3) uint8 row by row with their prompts under them."""
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * side_px, rows * (side_px + CAPTION_PX)), "white")
    draw = ImageDraw.Draw(sheet)
    for k, (picture, ask) in enumerate(zip(pictures, asks, strict=True)):
        x, y = k % columns * side_px, k // columns * (side_px + CAPTION_PX)
        thumbnail = Image.fromarray(picture).resize((side_px, side_px), Image.Resampling.LANCZOS)
        sheet.paste(thumbnail, (x, y))
        caption = wrap(ask.text, side_px // 5)
        draw.multiline_text((x + 3, y + side_px + 1), caption, fill="black", font_size=9, spacing=1)
    return sheet


def wrap(text: str, width: int) -> str:
    """Break a text into at most two lines of `width` letters."""
    words, first = text.split(), ""
    while words and len(first) + len(words[0]) < width:
        first = f"{first} {words.pop(0)}".strip()
    return f"{first}\n{' '.join(words)[:width]}"


def save_sheet(path: Path, sheet: Image.Image) -> None:
    """Write a sheet with a palette, a third of the size; appears whole or not at all."""
    small = sheet.quantize(PALETTE, dither=Image.Dither.FLOYDSTEINBERG)
    with whole_file(path) as partial:
        small.save(partial, format="PNG", optimize=True)
