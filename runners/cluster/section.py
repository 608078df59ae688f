"""What all mappings of the cluster file have in common."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from winnowry.runners.cluster.units import parse_duration

Duration = Annotated[timedelta, BeforeValidator(parse_duration, json_schema_input_type=str)]


class Section(BaseModel):
    """A mapping of the cluster file; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)
