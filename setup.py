"""Which packages to install: the library, and the folder `workflows` as a part of it.

Everything else is in pyproject.toml, which has no way to say this.
"""

from setuptools import find_packages, setup

PARTS = ["", *(f".{name}" for name in find_packages("workflows"))]

setup(
    packages=[
        *find_packages(include=["spineps_nipype*"]),
        *(f"spineps_nipype.workflows{part}" for part in PARTS),
    ]
)
