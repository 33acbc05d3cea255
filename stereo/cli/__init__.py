"""What the scripts share: parser, options, inputs, jobs, progress, results, exit codes.

`StereoJob` and `run` stand between all front ends and the three workflows; scripts, page,
evaluation and benchmark call them. Nothing here knows how a view is made.
"""
