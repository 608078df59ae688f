"""Topics: the routing keys by which brokers select announcements."""

LIMIT = 255
"""Bytes of UTF-8 that AMQP allows a routing key."""


def topic_of(rel_path: str, prefix: str = "v03") -> str:
    """Return the topic of a file: the prefix and the folders of its path, without its name.

    ``#`` and ``*`` are written as sr3 writes them, ``%23`` and ``%22``; a dot inside a folder's name is not escaped, and a
    leading or doubled slash makes an empty word. What is longer than AMQP allows is cut between two characters, and still
    matches a prefix.

    >>> topic_of("a/b/foo 1#x.txt"), topic_of("foo"), topic_of("x#/*/f"), topic_of("/a.b/c/f")
    ('v03.a.b', 'v03', 'v03.x%23.%22', 'v03..a.b.c')
    """
    folders, slash, _ = rel_path.rpartition("/")
    if not slash:
        return prefix
    topic = f"{prefix}.{folders.replace('/', '.')}"
    if "#" in topic or "*" in topic:
        topic = topic.replace("#", "%23").replace("*", "%22")
    if len(topic) > LIMIT or not topic.isascii():
        topic = topic.encode("utf-8", "replace")[:LIMIT].decode("utf-8", "ignore")
    return topic


def binding_key(subtopic: str = "#", prefix: str = "v03") -> str:
    """Return the key that binds a queue to a part of the topic tree; words may be parted by dots or slashes.

    >>> binding_key(), binding_key("*/observations/#"), binding_key("*.WXO-DD.#", prefix="v02.post")
    ('v03.#', 'v03.*.observations.#', 'v02.post.*.WXO-DD.#')
    """
    return f"{prefix}.{subtopic.replace('/', '.')}"
