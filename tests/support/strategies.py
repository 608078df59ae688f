"""Posts of every kind, for tests of properties."""

import msgspec
from hypothesis import strategies as st

from winnowry.schemas.fingerprint import Fingerprint
from winnowry.schemas.post import Content, Post
from winnowry.schemas.times import write_time
from winnowry.schemas.v03 import is_foreign

texts = st.text(st.characters(codec="utf-8"))
optional = st.none() | texts
times = st.integers(0, 2**62).map(write_time)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4))
foreign = st.dictionaries(
    texts.filter(is_foreign), anything.map(lambda value: msgspec.Raw(msgspec.json.encode(value))), max_size=3
)
posts = st.builds(
    Post,
    pub_time=times,
    base_url=texts,
    rel_path=texts.filter(bool),
    retrieve_path=optional,
    origin_path=optional,
    rename=optional,
    source=optional,
    from_cluster=optional,
    to_clusters=optional,
    private=st.booleans(),
    mode=optional,
    size=st.none() | st.integers(0, 2**63 - 1),
    mtime=st.none() | times,
    atime=st.none() | times,
    fingerprint=st.none() | st.builds(Fingerprint, method=texts, value=texts.filter(lambda text: "\n" not in text)),
    file_op=st.none() | st.dictionaries(texts, texts | st.booleans() | st.integers() | st.lists(st.integers()), max_size=3),
    blocks=st.none() | st.dictionaries(texts, anything, max_size=3),
    content=st.none() | st.builds(Content, encoding=texts, value=texts),
    foreign=foreign,
)
