"""The command lines of `tests.reliability.tables` that tell of places and of long runs."""

PLACES = """
txt2stereoimg.py --outdir good.png -> outdir
txt2stereoimg.py --outdir good.png/in -> outdir
txt2stereoimg.py --outdir broken.png -> outdir
txt2stereoimg.py --outdir loop.png -> outdir
txt2stereoimg.py --outdir fifo.png -> outdir
txt2stereoimg.py --outdir /dev/null -> outdir
txt2stereoimg.py --outdir /proc/x -> outdir
txt2stereoimg.py --outdir '' -> outdir
txt2stereoimg.py --outdir OUT/{deep} -> outdir
txt2stereoimg.py --outdir OUT/{long} -> outdir
img2stereo.py --img_path folder --outdir good.png -> 2:
evaluate.py --config eval.yaml --out good.png -> out
evaluate.py --config eval.yaml --out /proc/x -> out
evaluate.py --config eval.yaml --out loop.png -> out
evaluate.py --config eval.yaml --out OUT/{long} -> out
train.py --config text.yaml --max-steps 1 --out good.png -> out
train.py --config text.yaml --max-steps 1 --out /proc/x -> out
train.py --config text.yaml --max-steps 1 --out loop.png -> out
benchmark.py --out folder -> out
benchmark.py --out good.png/x.json -> out
benchmark.py --out /proc/x.json -> out
shapes.world --count 1 --size 64 --out good.png -> out
shapes.world --count 1 --size 64 --out /proc/x -> out
""".format(deep="d/" * 3000, long="l" * 300)

EVALUATION = """
evaluate.py -> --config
evaluate.py infer -> --config
evaluate.py dance --config eval.yaml -> verb
evaluate.py report -> out
evaluate.py score -> out
evaluate.py --config nowhere.yaml -> config
evaluate.py --config folder.yaml -> config
evaluate.py --config fifo.yaml -> config
evaluate.py --config zero.yaml -> config
evaluate.py --config empty.yaml -> 2:
evaluate.py --config deep.yaml -> config
evaluate.py --config anchors.yaml -> config
evaluate.py --config tag.yaml -> config
evaluate.py --config self.yaml -> 2:
evaluate.py --config list.yaml -> config
evaluate.py --config latin.yaml -> config
evaluate.py --config text.yaml -> 2:
evaluate.py --config eval.yaml --methods x -> x
evaluate.py --config eval.yaml --methods '' -> methods
evaluate.py --config eval.yaml --methods ../x -> x
evaluate.py --config eval.yaml --preset x -> x
evaluate.py --config eval.yaml --ablation x -> x
evaluate.py --config eval.yaml --size 100000 -> size
evaluate.py --config eval.yaml --work_px 100 --methods best -> work_px
evaluate.py --config eval.yaml --work_px 100000 --methods best -> work_px
evaluate.py --config eval.yaml --steps 100000 --methods best -> steps
evaluate.py --config eval.yaml --seed -5 --methods best -> seed
evaluate.py --config eval.yaml --shard 2/1 -> shard
evaluate.py --config eval.yaml --shard 1/2 --devices 2 -> shard
evaluate.py --config eval.yaml --shard x -> shard
evaluate.py --config eval.yaml --into nowhere.md -> into
evaluate.py --config eval.yaml --into folder -> into
evaluate.py --config eval.yaml --into good.png -> into
evaluate.py --config eval.yaml --into long.txt -> into
evaluate.py --config eval.yaml --lpips nowhere -> lpips
evaluate.py --config eval.yaml --lpips folder -> 02:
evaluate.py --config eval.yaml --lpips empty.ckpt -> lpips
evaluate.py --config eval.yaml --lpips fifo.ckpt -> lpips
evaluate.py --config eval.yaml --lpips text.ckpt -> lpips
evaluate.py --config eval.yaml --lpips nothing.ckpt -> lpips
evaluate.py --config eval.yaml --ckpt text.ckpt --methods best -> ckpt
evaluate.py --config eval.yaml --ckpt nowhere.ckpt --methods best -> ckpt
evaluate.py --config eval.yaml --depthmodel_path text.ckpt --disparity mono -> depthmodel_path
evaluate.py --config eval.yaml --device nowhere --methods best -> device
evaluate.py --config manifest.yaml --data nowhere.json -> data
evaluate.py --config manifest.yaml --data folder -> data
evaluate.py --config manifest.yaml --data zero.json -> data
evaluate.py --config manifest.yaml --data fifo.png -> data
evaluate.py --config manifest.yaml --data empty.json -> data
evaluate.py --config manifest.yaml --data deep.json -> data
evaluate.py --config manifest.yaml --data list.json -> data
evaluate.py --config manifest.yaml --data cut.json -> data
evaluate.py --config manifest.yaml --data good.png -> data
evaluate.py --config manifest.yaml -> root
evaluate.py --config plain.yaml --data nowhere -> data
evaluate.py --config plain.yaml --data good.png -> data
evaluate.py --config plain.yaml --data folder -> data
evaluate.py --config eval.yaml -> 0:
evaluate.py --config manifest.yaml --data one.json -> 01:
"""

TRAINING = """
train.py -> --config
train.py --config nowhere.yaml -> config
train.py --config folder.yaml -> config
train.py --config fifo.yaml -> config
train.py --config zero.yaml -> config
train.py --config empty.yaml -> 2:
train.py --config deep.yaml -> config
train.py --config anchors.yaml -> config
train.py --config tag.yaml -> config
train.py --config self.yaml -> 2:
train.py --config list.yaml -> config
train.py --config eval.yaml -> 2:
train.py --config text.yaml --resume -> resume
train.py --config text.yaml --resume --out folder -> resume
train.py --config text.yaml --max-minutes 0 -> max_minutes
train.py --config text.yaml --devices 3 --max-steps 0 -> max_steps
"""
