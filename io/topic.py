"""Which routing keys a binding key takes, as topic exchanges do."""

from functools import lru_cache


@lru_cache(maxsize=65536)
def takes(binding: str, key: str) -> bool:
    """Whether ``binding`` takes ``key``: ``*`` stands for one word between dots, ``#`` for any number of them.

    >>> takes("v03.*.b.#", "v03.a.b"), takes("v03.*.b.#", "v03.b")
    (True, False)
    """
    return _match(_words(binding), _words(key))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(".")) if text else ()


def _match(binding: tuple[str, ...], key: tuple[str, ...]) -> bool:
    """Go through the binding once, keeping the set of places in the key where its words so far may end."""
    places = {0}
    for word in binding:
        if word == "#":
            places = set(range(min(places), len(key) + 1))
        else:
            places = {place + 1 for place in places if place < len(key) and word in ("*", key[place])}
        if not places:
            return False
    return len(key) in places
