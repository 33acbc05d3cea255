"""Times the workflows on whatever machine it runs on, against one image and the published schedule.

Everything that is measured is made by the package's own calls; only the published schedule is
written out here, plainly, and tests compare the workflows with it. Nothing imports this room but
`benchmark.py`.
"""
