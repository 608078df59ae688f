"""A supervisor whose pumps die of themselves when they read a certain message.

usage: poisoned.py supervise FILE PUMP, which starts poisoned.py live FILE PUMP 1 again and again
"""

import os
import sys
from collections.abc import Sequence

POISON = b"poison"


def supervise(words: Sequence[str]) -> int:
    from winnowry.runners.supervisor import Child, tend_all  # noqa: PLC0415 only this process needs it
    from winnowry.runners.telling import tell  # noqa: PLC0415

    tell()
    return tend_all([Child([sys.executable, __file__, "live", *words, "1"], "poisoned/1")])


def live(words: Sequence[str]) -> int:
    from winnowry.runners import child  # noqa: PLC0415 imports what it needs by itself
    from winnowry.schemas.delivery import Delivery  # noqa: PLC0415
    from winnowry.transforms import decode  # noqa: PLC0415

    read = decode.read

    def read_or_die(delivery: Delivery) -> object:
        if POISON in delivery.body:
            os.abort()
        return read(delivery)

    decode.read = read_or_die  # type: ignore[assignment]
    return child.main(words)


if __name__ == "__main__":
    sys.exit({"supervise": supervise, "live": live}[sys.argv[1]](sys.argv[2:]))
