"""A page to work on (`python app.py`): uploads, jobs, progress, results, drawn by Gradio.

Only `page`, `panels` and `server` know Gradio; the rest works and is tested without it. Pairs are
made by `stereo.cli.job` alone; visitors are trusted with nothing, not even the types of values.
"""
