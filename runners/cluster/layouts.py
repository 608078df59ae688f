"""Where the files of a pump land."""

from winnowry.runners.cluster.settings import PumpSettings
from winnowry.transforms.layout import Layout

LAYOUTS = {"sarra": "{date:%Y%m%d}/{source}/{rel_path}"}
"""Where files land when the cluster file does not say; by default at their own path."""


def layout_of(pump: PumpSettings) -> Layout:
    """Return the layout of a pump."""
    return Layout(template=pump.layout or LAYOUTS.get(pump.kind, "{rel_path}"), strip=pump.strip, flatten=pump.flatten)
