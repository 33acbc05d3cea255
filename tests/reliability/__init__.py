"""Every way to break the program that is known, tried for real: `python -m tests.reliability`."""
