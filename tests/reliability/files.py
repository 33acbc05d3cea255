"""A folder of files that break programs: pictures, maps, settings and results of every kind."""

import json
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import torch
from PIL import Image, ImageCms
from safetensors.numpy import save_file

from tests.reliability.command import ROOT

HEIGHT, WIDTH = 72, 96
LATIN_NAME = os.fsdecode(b"caf\xe9.png")
EVALUATION = """name: Tiny
data: {kind: shapes, count: 1, render_px: 64}
protocol: {size_px: 64, crop: none}
disparity: 'true'
methods: [copy-left, telea]
generation: {steps: 2, inner_steps: 1}
"""
TRAINING = """part: text
weights: OUT/weights.safetensors
model:
  target: ldm.modules.encoders.modules.FrozenOpenCLIPEmbedder
  params:
    arch:
      embed_dim: 32
      text_cfg: {context_length: 77, width: 32, heads: 2, layers: 1}
    layer: last
stages:
  - {start: 0.0, size_px: 256, batch: 8}
data: {scenes: 0, portraits: 64}
limits: {max_steps: 12, max_minutes: 60, save_minutes: 0.000001}
"""


def scene(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 with some structure."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x * y) % 256], -1).astype(np.uint8)


def ramp(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Return a map (H, W) float32 from 1 at the top to 9."""
    return np.linspace(1, 9, height, dtype=np.float32)[:, None].repeat(width, 1)


def write_all(folder: Path) -> None:
    """Write every file of the tables' commands into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    pillow_heif.register_heif_opener()
    before = Path.cwd()
    os.chdir(folder)
    try:
        for write in (_odd_files, _pictures, _broken_pictures, _maps, _texts, _settings):
            write()
    finally:
        os.chdir(before)


def _odd_files() -> None:
    for name in ("empty.png", "empty.npy", "empty.txt", "empty.yaml", "empty.json", "empty.ckpt"):
        Path(name).touch()
    for name in ("folder.png", "folder.npy", "folder.yaml", "folder.txt", "folder", "bare"):
        Path(name).mkdir()
    for name in ("fifo.png", "fifo.npy", "fifo.txt", "fifo.yaml", "fifo.ckpt"):
        os.mkfifo(name)
    for name, goal in (("broken", "gone"), ("loop", "loop.png"), ("zero", "/dev/zero")):
        for ending in (".png", ".npy", ".txt", ".yaml", ".json"):
            Path(f"{name}{ending}").symlink_to(goal if name != "loop" else f"loop{ending}")


def _pictures() -> None:
    rgb = Image.fromarray(scene())
    rgb.save("good.png")
    Image.fromarray(scene()).save(LATIN_NAME)
    Image.fromarray(scene()).save("ünï 写真 [1].png")
    os.makedirs("a[1] b", exist_ok=True)
    rgb.save("a[1] b/one.png")
    rgb.save("n" * 245 + ".png")
    rgb.convert("CMYK").save("cmyk.jpg")
    rgb.convert("CMYK").save("cmyk.tif")
    rgb.convert("YCbCr").save("ycbcr.jpg")
    rgb.convert("LAB").save("lab.tif")
    rgb.convert("1").save("onebit.png")
    rgb.convert("L").save("grey.png")
    rgb.convert("LA").save("grey_alpha.png")
    palette = rgb.quantize(16)
    palette.save("palette.png")
    palette.save("palette_alpha.png", transparency=bytes(range(0, 256, 16)))
    rgb.convert("RGBA").save("rgba.png")
    Image.fromarray(scene()[..., 0].astype(np.uint16) * 257).save("sixteen.png")
    Image.fromarray(scene()[..., 0].astype(np.int32)).save("thirtytwo.tif")
    Image.fromarray(ramp()).save("float.tif")
    frames = [Image.fromarray(np.roll(scene(), 8 * k, 1)) for k in range(3)]
    frames[0].save("moving.gif", save_all=True, append_images=frames[1:])
    frames[0].save("moving.png", save_all=True, append_images=frames[1:])
    frames[0].save("moving.webp", save_all=True, append_images=frames[1:])
    frames[0].save("pages.tif", save_all=True, append_images=frames[1:])
    for name in (
        "x.bmp",
        "x.ico",
        "x.ppm",
        "x.tga",
        "x.webp",
        "x.avif",
        "x.jp2",
        "x.jfif",
        "x.heic",
    ):
        rgb.save(name)
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.save("turned.jpg", exif=exif)
    rgb.save("bad_exif.jpg", exif=b"Exif\0\0" + b"\xff" * 200)
    rgb.save("bad_profile.png", icc_profile=b"no profile at all")
    grey = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    rgb.save("other_profile.png", icc_profile=grey)
    for name, size in (("one", (1, 1)), ("row", (300, 1)), ("column", (1, 300)), ("two", (2, 2))):
        Image.fromarray(scene(*size[::-1])).save(f"{name}.png")
    Image.new("RGB", (5000, 3)).save("long.png")
    Path("no_ending").write_bytes(Path("good.png").read_bytes())
    Path("wrong_ending.txt").write_bytes(Path("good.png").read_bytes())
    Path("really_png.jpg").write_bytes(Path("good.png").read_bytes())


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(
    width: int, height: int, depth: int = 8, colour: int = 2, body: bytes = b"\0" * 64
) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = (_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(body)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _broken_pictures() -> None:
    whole = Path("good.png").read_bytes()
    jpeg = Path("turned.jpg").read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    files = {
        "cut.png": whole[: len(whole) // 2],
        "head.png": whole[:20],
        "flipped.png": bytes(flipped),
        "cut.jpg": jpeg[: len(jpeg) // 3],
        "text.png": b"this is no picture",
        "page.jpg": b"<!DOCTYPE html><html><body>404</body></html>",
        "script.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
        "huge.png": _png(2**31 - 1, 2**31 - 1),
        "bomb.png": _png(60_000, 60_000),
        "zero_px.png": _png(0, 0),
        "short.png": _png(500, 500),
        "odd_depth.png": _png(8, 8, depth=3),
        "nul.png": b"\0" * 1000,
        "huge.ppm": b"P6 99999999 99999999 255\n" + b"\0" * 100,
        "negative.ppm": b"P6 -5 5 255\n" + b"\0" * 100,
        "huge.bmp": b"BM"
        + struct.pack("<IIIIiiHHIIiiII", 100, 0, 54, 40, 2**31 - 1, -(2**31), 1, 24, *[0] * 6),
        "cut.gif": Path("moving.gif").read_bytes()[:200],
        "cut.webp": Path("x.webp").read_bytes()[:60],
        "cut.heic": Path("x.heic").read_bytes()[:300],
        "cut.avif": Path("x.avif").read_bytes()[:200],
        "cut.tif": Path("cmyk.tif").read_bytes()[:500],
        "drawing.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        "document.pdf": b"%PDF-1.4\n%%EOF\n",
    }
    for name, content in files.items():
        Path(name).write_bytes(content)
    text = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 50_000_000))
    Path("text_bomb.png").write_bytes(whole[:33] + text + whole[33:])


def _maps() -> None:
    values, near = np.random.default_rng(0), ramp()
    arrays = {
        "map": near,
        "map_f64": near.astype(np.float64),
        "map_f16": near.astype(np.float16),
        "map_int": near.astype(np.int64),
        "map_bool": near > 5,
        "map_4d": near[None, None],
        "map_hw1": near[..., None],
        "map_rgb": near[..., None].repeat(3, 2),
        "map_big": near * np.float64(1e300),
        "map_holes": np.where(values.random(near.shape) < 0.3, np.nan, near),
        "map_zeros": np.where(values.random(near.shape) < 0.6, 0, near),
        "map_all_nan": near * np.nan,
        "map_all_inf": near * np.inf,
        "map_flat": near * 0 + 4,
        "map_none": near * 0,
        "map_spike": np.where(np.arange(near.size).reshape(near.shape) < 3, 1e6, 0),
        "map_negative": -near,
        "map_complex": near * 1j,
        "map_text": np.array(["a", "b"]),
        "map_dates": np.zeros(near.shape, "M8[s]"),
        "map_fields": np.zeros(near.shape, [("z", "f4")]),
        "map_scalar": np.array(3.0),
        "map_1d": near[:, 0],
        "map_nothing": np.zeros((0, 0)),
        "map_5d": np.zeros((2, 2, 2, 2, 2)),
        "map_two": near[..., None].repeat(2, 2),
        "map_square": ramp(64, 64),
        "map_turned": ramp(WIDTH, HEIGHT),
        "map_other_size": ramp(36, 48),
        "map_far": near * 30,
        "map_miles": near * 1e5,
    }
    for name, array in arrays.items():
        np.save(f"{name}.npy", array)
    np.save("map_objects.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    np.savez("map_one.npz", depth=near)
    np.savez("map_many.npz", depth=near, other=near)
    np.savez("map_none.npz")
    Path("map_archive.npy").write_bytes(Path("map_one.npz").read_bytes())
    Path("map_array.npz").write_bytes(Path("map.npy").read_bytes())
    head = b"\x93NUMPY\x01\x00"
    for name, shape in (
        ("huge", "(99999999, 99999999)"),
        ("minus", "(-1, 5)"),
        ("code", "__import__"),
    ):
        text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
        Path(f"map_{name}.npy").write_bytes(head + struct.pack("<H", len(text)) + text.encode())
    Path("map_deep.npy").write_bytes(head + struct.pack("<H", 60000) + b"(" * 60000)
    with zipfile.ZipFile("map_bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("depth.npy", b"\0" * 100_000_000)
    pfm = b"Pf\n%d %d\n%s\n" + near[::-1].astype("<f4").tobytes()
    sizes = {"map.pfm": (WIDTH, HEIGHT, b"-1"), "map_scale.pfm": (WIDTH, HEIGHT, b"nan")}
    sizes |= {"map_large.pfm": (10**9, 10**9, b"-1"), "map_minus.pfm": (-5, -5, b"-1")}
    for name, words in sizes.items():
        Path(name).write_bytes(pfm % words)
    Path("map_cut.pfm").write_bytes((pfm % (WIDTH, HEIGHT, b"-1"))[:500])
    Path("map_head.pfm").write_bytes(b"Pf\n")
    Path("map_text.exr").write_bytes(b"\x76\x2f\x31\x01 and no more")
    Image.fromarray((near * 10).astype(np.uint8)).save("map.png")
    Image.fromarray((near * 256).astype(np.uint16)).save("map_kitti.png")
    Image.fromarray(near).save("map_float.tif")
    Path("maps").mkdir(exist_ok=True)
    np.save("maps/good_depth.npy", near)
    np.save("maps/bad.npy", near * 0)


def _texts() -> None:
    prompts = {
        "prompts.txt": "a red sphere\n\n  a blue box \n",
        "blank.txt": "\n \n\t\n",
        "windows.txt": "\ufeffa red sphere\r\na blue box\r\n",
        "long.txt": "word " * 100_000,
        "nul.txt": "a red\0 sphere\n",
        "control.txt": "a red \x1b[31m sphere\x07\n",
    }
    for name, text in prompts.items():
        Path(name).write_text(text, encoding="utf-8", newline="")
    Path("latin.txt").write_bytes("une sphère\n".encode("latin-1"))
    Path("utf16.txt").write_bytes("a red sphere\n".encode("utf-16"))
    Path("binary.txt").write_bytes(bytes(range(256)) * 100)
    with Path("sparse.txt").open("wb") as file:
        file.truncate(2**34)


def _settings() -> None:
    lines = {
        "deep": "[" * 50_000,
        "anchors": _billion_laughs(),
        "binary": "\0\1\2",
        "list": "- 1\n- 2\n",
    }
    lines |= {"number": "5\n", "tag": "!!python/object/apply:os.system ['touch PWNED']\n"}
    lines |= {"tabs": "\tname: x\n", "self": "a: &x [*x]\n", "twice": "name: a\nname: b\n"}
    lines |= {
        "itself": "name: ${name}\n",
        "env": "name: ${oc.env:HOME}\n",
        "latin": "name: caf\xe9\n",
    }
    lines |= {"eval": EVALUATION, "text": TRAINING}
    for kind in ("manifest", "folder"):
        data = EVALUATION.replace("kind: shapes, count: 1, render_px: 64", f"kind: {kind}")
        lines[{"folder": "plain"}.get(kind, kind)] = data
    for name, text in lines.items():
        Path(f"{name}.yaml").write_bytes(text.encode("latin-1"))
    for name, text in {"deep": "[" * 100_000, "list": "[1, 2]", "cut": '{"a": '}.items():
        Path(f"{name}.json").write_text(text)
    torch.save({"state_dict": {}}, "nothing.ckpt")
    save_file({}, "nothing.safetensors")
    Path("text.ckpt").write_text("no checkpoint")
    Path("config.txt").write_text((ROOT / "configs/v1-inference.yaml").read_text())
    json.dump([{"name": "a", "left": "good.png", "right": "good.png"}], Path("one.json").open("w"))


def _billion_laughs() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 10)]
    return "\n".join(lines) + "\n"
