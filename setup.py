"""Map the rooms at the top of this repository to the namespace package ``winnowry.*``.

Everything else about the distribution is in ``pyproject.toml``. Sub-packages are found, not listed: one that a list forgot
would import from a checkout and be missing from the wheel.
"""

from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
ROOMS = ("schemas", "transforms", "io", "pipelines", "runners")
FOLDERS = sorted({str(path.parent.relative_to(HERE)) for room in ROOMS for path in (HERE / room).rglob("__init__.py")})
PACKAGES = {"winnowry." + folder.replace("/", "."): folder for folder in FOLDERS}

setup(
    packages=list(PACKAGES),
    package_dir=PACKAGES,
    package_data={package: ["py.typed", "*.avsc", "avro/*.avsc", "*.conf", "*.json", "*.xml"] for package in PACKAGES},
)
