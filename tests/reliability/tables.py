"""The command lines that are tried, a line each: `command -> codes: words that are said`.

Without codes a refusal (2) is expected. Commands run in the folder of `tests.reliability.files`.
"""

import os

from tests.reliability.case import Case, cases
from tests.reliability.run_tables import EVALUATION, PLACES, TRAINING

PHOTO = "img2stereo.py --img_path"
MAP = "img2stereo.py --img_path good.png --disparity"
LATIN = os.fsdecode(b"caf\xe9")

PICTURES = f"""
{PHOTO} nowhere.png -> img_path; nowhere.png
{PHOTO} 'no*.jpg' -> img_path; no*.jpg
{PHOTO} folder -> img_path: no image in folder
{PHOTO} '' -> img_path
{PHOTO} /dev/zero -> img_path
{PHOTO} /dev/null -> img_path
{PHOTO} /proc/self/mem -> img_path
{PHOTO} /proc/kmsg -> img_path
{PHOTO} empty.png -> img_path; empty (0 bytes)
{PHOTO} folder.png -> img_path
{PHOTO} fifo.png -> img_path
{PHOTO} broken.png -> img_path
{PHOTO} loop.png -> img_path
{PHOTO} zero.png -> img_path
{PHOTO} {"x" * 300}.png -> img_path
{PHOTO} good.png/inside -> img_path
{PHOTO} cut.png -> img_path; cut.png
{PHOTO} head.png -> img_path
{PHOTO} flipped.png -> 02:
{PHOTO} cut.jpg -> img_path
{PHOTO} text.png -> img_path
{PHOTO} page.jpg -> img_path
{PHOTO} script.svg -> img_path
{PHOTO} huge.png -> img_path; megapixels
{PHOTO} bomb.png -> img_path; 60000 x 60000
{PHOTO} zero_px.png -> img_path
{PHOTO} short.png -> img_path
{PHOTO} odd_depth.png -> img_path
{PHOTO} nul.png -> img_path
{PHOTO} huge.ppm -> img_path
{PHOTO} negative.ppm -> img_path
{PHOTO} huge.bmp -> img_path
{PHOTO} cut.gif -> img_path
{PHOTO} cut.webp -> img_path
{PHOTO} cut.heic -> img_path
{PHOTO} cut.avif -> img_path
{PHOTO} cut.tif -> img_path
{PHOTO} drawing.eps -> img_path
{PHOTO} document.pdf -> img_path
{PHOTO} float.tif -> img_path
{PHOTO} map.pfm -> img_path
{PHOTO} map.npy -> img_path
{PHOTO} text_bomb.png -> 02:
{PHOTO} good.png --max_megapixels 0.001 -> img_path; max_megapixels
{PHOTO} good.png -> 0:
depth2stereoimg.py --init_img nowhere.png -> init_img
depth2stereoimg.py --init_img empty.png -> init_img
depth2stereoimg.py --init_img fifo.png -> init_img
depth2stereoimg.py --init_img cut.png -> init_img
depth2stereoimg.py --init_img bomb.png -> init_img
depth2stereoimg.py --init_img one.png -> 02:
depth2stereoimg.py --init_img row.png -> 02:
depth2stereoimg.py --init_img moving.gif -> 0:
""" + "".join(
    f"{PHOTO} {name} -> 0:\n"
    for name in (
        "cmyk.jpg cmyk.tif ycbcr.jpg lab.tif onebit.png grey.png grey_alpha.png palette.png "
        "palette_alpha.png rgba.png sixteen.png moving.gif moving.png moving.webp pages.tif x.bmp "
        "x.ico x.ppm x.tga x.webp x.avif x.jp2 x.jfif x.heic turned.jpg bad_exif.jpg two.png "
        "bad_profile.png other_profile.png one.png row.png column.png long.png thirtytwo.tif "
        "no_ending wrong_ending.txt really_png.jpg"
    ).split()
)

NAMES = f"""
{PHOTO} {LATIN}.png -> 0:
{PHOTO} 'ünï 写真 [1].png' -> 0:
{PHOTO} {"n" * 245}.png -> 0:
{PHOTO} 'a[1] b' -> 0:
{PHOTO} 'a[1] b/*.png' -> 0:
{PHOTO} 'a[1] b/*.jpg' -> img_path; a[1] b/*.jpg
{PHOTO} good.png --prompt {LATIN} -> prompt
{PHOTO} good.png --outdir OUT/{LATIN} -> 0:
txt2stereoimg.py --prompt {LATIN} -> prompt; UTF-8
txt2stereoimg.py --negative_prompt {LATIN} -> negative_prompt
txt2stereoimg.py --prompt '' -> 0:
txt2stereoimg.py --prompt '写真 🦊 \u202e rtl' -> 0:
txt2stereoimg.py --prompt {"x" * 70000} --format mpo -> format: mpo
txt2stereoimg.py --prompt {"x" * 70000} --format jps -> format: jps
txt2stereoimg.py --prompt {"x" * 70000} -> 0:
depth2stereoimg.py --init_img {LATIN}.png --prompt {LATIN} -> prompt
depth2stereoimg.py --init_img {LATIN}.png -> 0:
"""

MAPS = (
    f"""
{MAP} nowhere.npy -> disparity
{MAP} empty.npy -> disparity
{MAP} folder.npy -> disparity
{MAP} fifo.npy -> disparity
{MAP} broken.npy -> disparity
{MAP} loop.npy -> disparity
{MAP} zero.npy -> disparity
{MAP} /dev/zero -> disparity
{MAP} text.png -> disparity
{MAP} bomb.png -> disparity
{MAP} good.png -> disparity
{MAP} embedded -> disparity
{MAP} folder -> disparity: no map good.*
{MAP} '' -> disparity
{MAP} map_all_nan.npy -> disparity
{MAP} map_all_inf.npy -> disparity
{MAP} map_flat.npy -> disparity
{MAP} map_none.npy -> disparity
{MAP} map_spike.npy -> disparity
{MAP} map_complex.npy -> disparity
{MAP} map_text.npy -> disparity
{MAP} map_dates.npy -> disparity
{MAP} map_fields.npy -> disparity
{MAP} map_scalar.npy -> disparity
{MAP} map_1d.npy -> disparity
{MAP} map_nothing.npy -> disparity
{MAP} map_5d.npy -> disparity
{MAP} map_two.npy -> disparity
{MAP} map_square.npy -> disparity; 64x64
{MAP} map_turned.npy -> disparity
{MAP} map_objects.npy -> disparity
{MAP} map_many.npz -> disparity
{MAP} map_none.npz -> disparity
{MAP} map_archive.npy -> disparity; .npz
{MAP} map_array.npz -> 02:
{MAP} map_huge.npy -> disparity
{MAP} map_minus.npy -> disparity
{MAP} map_code.npy -> disparity
{MAP} map_deep.npy -> disparity
{MAP} map_bomb.npz --max_megapixels 1 -> disparity; megapixels
{MAP} map_scale.pfm -> 02:
{MAP} map_large.pfm -> disparity
{MAP} map_minus.pfm -> disparity
{MAP} map_cut.pfm -> disparity
{MAP} map_head.pfm -> disparity
{MAP} map_text.exr -> disparity
{MAP} map.npy --depth --metric_disparity -> metric_disparity
{MAP} map.npy --map depth --metric_disparity -> metric_disparity
{MAP} map.npy --map nothing -> map
{MAP} map_negative.npy --depth -> negative
{MAP} map_miles.npy --metric_disparity -> disparity; shifts by up to
{MAP} map_far.npy --metric_disparity -> shifts by up to
{MAP} map_big.npy --metric_disparity -> disparity
{MAP} map.npy --metric_disparity --max_disparity_px 4 -> max_disparity_px
{MAP} map.npy --preset paper --metric_disparity -> metric_disparity
{PHOTO} good.png --map depth -> map; disparity
{PHOTO} good.png --metric_disparity -> disparity
txt2stereoimg.py --disparity maps -> disparity; folder
txt2stereoimg.py --disparity embedded -> disparity
txt2stereoimg.py --disparity map.npy -> disparity
txt2stereoimg.py --disparity map_square.npy -> 0:
depth2stereoimg.py --init_img good.png --disparity map_square.npy -> disparity
"""
    + "".join(
        f"{MAP} {name} -> 0:\n"
        for name in (
            "map.npy map_f64.npy map_f16.npy map_int.npy map_bool.npy map_4d.npy map_hw1.npy "
            "map_rgb.npy map_holes.npy map_zeros.npy map_negative.npy map_other_size.npy "
            "map_one.npz map.pfm map.png map_float.tif map_kitti.png maps"
        ).split()
    )
    + f"""
{MAP} map.npy --depth -> 0:
{MAP} map.npy --map far-bright -> 0:
{MAP} map.npy --metric_disparity -> 0:
{MAP} map_kitti.png --metric_disparity -> 0: read as KITTI's
{MAP} map_zeros.npy --metric_disparity -> 0: unknown values
"""
)

TEXTS = """
txt2stereoimg.py --from-file nowhere.txt -> from-file
txt2stereoimg.py --from-file 'no*.txt' -> from-file
txt2stereoimg.py --from-file folder -> from-file
txt2stereoimg.py --from-file empty.txt -> from-file
txt2stereoimg.py --from-file blank.txt -> from-file
txt2stereoimg.py --from-file folder.txt -> from-file
txt2stereoimg.py --from-file fifo.txt -> from-file
txt2stereoimg.py --from-file zero.txt -> from-file
txt2stereoimg.py --from-file broken.txt -> from-file
txt2stereoimg.py --from-file loop.txt -> from-file
txt2stereoimg.py --from-file /dev/zero -> from-file
txt2stereoimg.py --from-file /dev/stdin -> from-file
txt2stereoimg.py --from-file latin.txt -> from-file; UTF-8
txt2stereoimg.py --from-file utf16.txt -> from-file
txt2stereoimg.py --from-file binary.txt -> from-file
txt2stereoimg.py --from-file sparse.txt -> from-file; MiB
txt2stereoimg.py --from-file good.png -> from-file
txt2stereoimg.py --from-file prompts.txt -> 0:
txt2stereoimg.py --from-file windows.txt -> 0:
txt2stereoimg.py --from-file nul.txt -> 0:
txt2stereoimg.py --from-file control.txt -> 0:
txt2stereoimg.py --from-file long.txt --format mpo -> format
img2stereo.py --img_path good.png --from-file /dev/zero -> from-file
img2stereo.py --img_path good.png --from-file fifo.txt -> from-file
"""

OPTIONS = """
img2stereo.py -> --img_path
img2stereo.py --img_path -> --img_path
img2stereo.py --img_path good.png --nothing -> --nothing
img2stereo.py --img_path good.png --preset worst -> --preset
img2stereo.py --img_path good.png --format tiff -> --format
img2stereo.py --img_path good.png --eye middle -> --eye
img2stereo.py --img_path good.png --direction tri -> --direction
img2stereo.py --img_path good.png --ddim_eta 0.5 -> ddim_eta
img2stereo.py --img_path good.png --scale_factor -3 -> scale_factor
img2stereo.py --img_path good.png --scale_factor 51 -> scale_factor
img2stereo.py --img_path good.png --H 100 -> --H
img2stereo.py --img_path good.png --W 8256 -> --W
img2stereo.py --img_path good.png --device nowhere -> device
img2stereo.py --img_path good.png --device cuda:99 -> device
img2stereo.py --img_path good.png --device meta -> device
img2stereo.py --img_path good.png --devices 2 --device cuda -> device
img2stereo.py --img_path good.png --precision fp8 -> --precision
img2stereo.py --img_path good.png --eye left --shift_both -> eye
img2stereo.py --img_path good.png --eye both -> fusion
img2stereo.py --img_path good.png --preset paper --photos_at_once 2 -> photos_at_once
img2stereo.py --img_path good.png --comfort --max_disparity_px 3 -> max_disparity_px
img2stereo.py --img_path good.png --comfort zones -> --comfort
img2stereo.py --img_path good.png --scale_factor 3 --comfort zone -> comfort
img2stereo.py --img_path good.png --convergence middle -> convergence
img2stereo.py --img_path good.png --convergence 1.5 -> convergence
img2stereo.py --img_path good.png --parameterization x -> --parameterization
img2stereo.py --img_path good.png --config nowhere.yaml -> config
img2stereo.py --img_path good.png --config folder.yaml -> config
img2stereo.py --img_path good.png --config fifo.yaml -> config
img2stereo.py --img_path good.png --config zero.yaml -> config
img2stereo.py --img_path good.png --config loop.yaml -> config
img2stereo.py --img_path good.png --config empty.yaml -> config
img2stereo.py --img_path good.png --config binary.yaml -> config
img2stereo.py --img_path good.png --config list.yaml -> config
img2stereo.py --img_path good.png --config number.yaml -> config
img2stereo.py --img_path good.png --config deep.yaml -> config
img2stereo.py --img_path good.png --config anchors.yaml -> config
img2stereo.py --img_path good.png --config tag.yaml -> config
img2stereo.py --img_path good.png --config tabs.yaml -> config
img2stereo.py --img_path good.png --config self.yaml -> config
img2stereo.py --img_path good.png --config itself.yaml -> config
img2stereo.py --img_path good.png --config latin.yaml -> config
img2stereo.py --img_path good.png --config good.png -> config
img2stereo.py --img_path good.png --config eval.yaml -> 2:
img2stereo.py --img_path good.png --skip-existing -> 0:
img2stereo.py --img_path good.png --viewer --format sbs --format sbs -> 02:
txt2stereoimg.py --n_rows 2 -> n_rows
txt2stereoimg.py --n_rows 1000000000 -> n_rows
txt2stereoimg.py --n_iter 2000000000 -> n_iter
txt2stereoimg.py --n_iter 3 --n_rows 4 -> n_rows
txt2stereoimg.py --n_rows 1 --devices 2 -> n_rows
txt2stereoimg.py --n_samples 1025 -> n_samples
txt2stereoimg.py --seed -1 -> seed
txt2stereoimg.py --seed 4294967296 -> seed
txt2stereoimg.py --seed 4294967295 --n_samples 2 -> 02:
txt2stereoimg.py --scale 0 -> 0:
txt2stereoimg.py --scale 100 -> 0:
txt2stereoimg.py --ddim_eta 1 -> 0:
txt2stereoimg.py --max_disparity_px 1e9 -> max_disparity_px
txt2stereoimg.py --max_disparity_px 0 -> 0:
txt2stereoimg.py --preset paper --scale_factor -50 -> 0:
txt2stereoimg.py --preset original --H 64 --W 64 -> 0:
txt2stereoimg.py --ddim_steps 1 -> steps; 2 or more
txt2stereoimg.py --ddim_steps 1 --preset paper -> 0:
txt2stereoimg.py --ddim_steps 501 -> ddim_steps
"""

SECTIONS = {
    "pictures": PICTURES,
    "names": NAMES,
    "maps": MAPS,
    "texts": TEXTS,
    "options": OPTIONS,
    "places": PLACES,
    "evaluation": EVALUATION,
    "training": TRAINING,
}


def section(name: str) -> list[Case]:
    """Return the cases of a table."""
    return cases(SECTIONS[name])
