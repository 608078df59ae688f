from pathlib import Path

from brokers import eventually

from winnowry.runners.demo.watch import Watch


def test_a_renamed_file_and_a_link_have_arrived(tmp_path: Path) -> None:
    with Watch(tmp_path, clock=lambda: 17.0) as watch:
        sync(watch, tmp_path)
        (tmp_path / ".temporary").write_bytes(b"content")
        (tmp_path / ".temporary").rename(tmp_path / "file")
        (tmp_path / "link").symlink_to("file")
    assert watch.arrived == {"file": 17.0, "link": 17.0}
    assert watch.grown - {"sync"} == {".temporary"}


def test_a_file_made_under_its_own_name_was_seen_growing(tmp_path: Path) -> None:
    with Watch(tmp_path) as watch:
        sync(watch, tmp_path)
        (tmp_path / "file").write_bytes(b"content")
    assert "file" in watch.grown
    assert "file" not in watch.arrived


def test_files_in_new_folders_are_found(tmp_path: Path) -> None:
    with Watch(tmp_path) as watch:
        sync(watch, tmp_path)
        (tmp_path / "new" / "newer").mkdir(parents=True)
        (tmp_path / ".temporary").touch()
        (tmp_path / ".temporary").rename(tmp_path / "new" / "newer" / "file")
    assert set(watch.arrived) == {"new/newer/file"}


def sync(watch: Watch, root: Path) -> None:
    """Wait until the watch is awake."""
    (root / "sync").touch()
    eventually(lambda: "sync" in watch.grown or "sync" in watch.arrived, what="the watch")
    watch.arrived.pop("sync", None)
