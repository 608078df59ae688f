"""Decide where a file lands under the data root."""

from winnowry.transforms.layout import FIELDS as FIELDS
from winnowry.transforms.layout import Layout as Layout
