"""A page to work on (`python app.py`): uploads, jobs, progress, results; Gradio draws it.

Only `page`, `panels` and `server` know Gradio; the rest works and is tested without it.
"""
