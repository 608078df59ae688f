import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from winnowry.io.places import temporary_name
from winnowry.io.tree import Tree
from winnowry.schemas.errors import DiskTrouble, Refused
from winnowry.schemas.paths import is_temporary
from winnowry.schemas.reasons import Reason


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def put(tree: Tree, place: str, content: bytes = b"x") -> None:
    descriptor, temporary = tree.create_temporary(place)
    os.write(descriptor, content)
    os.close(descriptor)
    tree.rename(temporary, place)


def test_file_appears_under_its_name_only_when_renamed(root: Path) -> None:
    tree = Tree(root)
    descriptor, temporary = tree.create_temporary("a/b/c")
    os.close(descriptor)
    assert not (root / "a/b/c").exists()
    assert (root / temporary).parent == root / "a/b"
    tree.rename(temporary, "a/b/c")
    assert os.listdir(root / "a/b") == ["c"]


def test_file_in_the_root_itself_is_possible(root: Path) -> None:
    put(Tree(root), "c")
    assert os.listdir(root) == ["c"]


def test_rename_replaces_what_was_there(root: Path) -> None:
    tree = Tree(root)
    put(tree, "a/b", b"old")
    put(tree, "a/b", b"new")
    assert (root / "a/b").read_bytes() == b"new"


def test_rename_moves_between_directories(root: Path) -> None:
    tree = Tree(root)
    put(tree, "a/b", b"kept")
    tree.rename("a/b", "c/d/e")
    assert (root / "c/d/e").read_bytes() == b"kept"


@pytest.mark.parametrize(
    "place", ["", "/etc/x", "../x", "a/../x", "a/./x", "a//x", "a/", ".", "..", "a/..", "a\0b", "a/\udcff"]
)
def test_place_that_is_no_plain_relative_path_is_refused(root: Path, place: str) -> None:
    with pytest.raises(Refused) as refusal:
        Tree(root).create_temporary(place)
    assert refusal.value.reason is Reason.PATH_UNUSABLE
    assert not (root.parent / "x").exists()


@pytest.mark.parametrize("target", ["/", "..", "elsewhere"])
def test_link_planted_on_the_way_is_not_written_through(root: Path, target: str) -> None:
    (root / "elsewhere").mkdir()
    (root / "planted").symlink_to(target)
    tree = Tree(root)
    for attempt in (
        tree.create_temporary,
        tree.make_directory,
        lambda place: tree.link("x", place),
        tree.stat,
        tree.unlink,
        tree.open,
    ):
        with pytest.raises(Refused) as refusal:
            attempt("planted/tmp/x")
        assert refusal.value.reason is Reason.PATH_UNUSABLE
    assert os.listdir(root / "elsewhere") == []


def test_link_that_replaces_a_remembered_directory_is_noticed(root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    now = 0.0
    tree = Tree(root, clock=lambda: now)
    put(tree, "a/b/first")
    (root / "a/b").rename(outside / "b")
    (root / "a/b").symlink_to(outside / "b")
    now = 1.0
    with pytest.raises(Refused):
        put(tree, "a/b/second")
    assert os.listdir(outside / "b") == ["first"]


def test_link_at_the_place_itself_is_replaced_and_not_followed(root: Path) -> None:
    victim = root.parent / "victim"
    victim.write_bytes(b"untouched")
    (root / "name").symlink_to(victim)
    put(Tree(root), "name", b"ours")
    assert victim.read_bytes() == b"untouched"
    assert (root / "name").read_bytes() == b"ours" and not (root / "name").is_symlink()


def test_directories_planted_and_replaced_by_links_all_the_time_never_lead_out(root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    over = threading.Event()

    def plant() -> None:
        while not over.is_set():
            subprocess.run(["rm", "-rf", root / "a"], check=False, stderr=subprocess.DEVNULL)
            with suppress(OSError):
                (root / "a").symlink_to(outside)
                (root / "a").unlink()

    planting = threading.Thread(target=plant)
    planting.start()
    try:
        for number in range(300):
            tree = Tree(root)
            try:
                put(tree, f"a/b/{number}")
            except (Refused, DiskTrouble):
                continue
    finally:
        over.set()
        planting.join()
    assert os.listdir(outside) == []


def test_remembered_directory_that_was_removed_is_made_again(root: Path) -> None:
    tree = Tree(root, clock=lambda: 0.0)
    put(tree, "a/b/c")
    subprocess.run(["rm", "-rf", root / "a"], check=True)
    put(tree, "a/b/d")
    assert os.listdir(root / "a/b") == ["d"]


def test_few_directories_are_kept_open(root: Path) -> None:
    tree = Tree(root, remembered=4)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(50):
        put(tree, f"a/{number}/x")
    assert len(os.listdir("/proc/self/fd")) <= before + 4


def test_threads_share_a_tree_that_keeps_few_directories(root: Path) -> None:
    tree = Tree(root, remembered=1)

    def work(name: str) -> None:
        for number in range(100):
            put(tree, f"{name}/{number % 7}/{number}")

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(names) for _, _, names in os.walk(root)) == 300


def test_missing_root_is_trouble_with_the_disk(tmp_path: Path) -> None:
    with pytest.raises(DiskTrouble) as trouble:
        put(Tree(tmp_path / "unmounted"), "a")
    assert trouble.value.reason is Reason.DISK_ERROR


@pytest.mark.parametrize("place", ["file/below", "directory"])
def test_file_in_the_way_of_a_directory_or_the_reverse_is_refused(root: Path, place: str) -> None:
    (root / "file").touch()
    (root / "directory").mkdir()
    with pytest.raises(Refused) as refusal:
        put(Tree(root), place)
    assert refusal.value.reason is Reason.PATH_UNUSABLE


def test_link_is_made_as_it_was_said_and_replaces_another(root: Path) -> None:
    tree = Tree(root)
    tree.link("one", "a/link")
    tree.link("../é", "a/link")
    assert os.readlink(root / "a/link") == "../é"
    assert os.listdir(root / "a") == ["link"]


def test_link_over_a_directory_leaves_nothing_behind(root: Path) -> None:
    (root / "a/b").mkdir(parents=True)
    with pytest.raises(Refused):
        Tree(root).link("x", "a/b")
    assert os.listdir(root / "a") == ["b"]


def test_directory_is_made_with_its_mode_and_again_with_another(root: Path) -> None:
    tree = Tree(root)
    tree.make_directory("a/b", 0o750)
    assert (root / "a/b").stat().st_mode & 0o777 == 0o750
    tree.make_directory("a/b", 0o700)
    tree.make_directory("a/b")
    assert (root / "a/b").stat().st_mode & 0o777 == 0o700


def test_stat_and_unlink_tell_of_what_is_not_there(root: Path) -> None:
    tree = Tree(root)
    assert tree.stat("no/such") is None
    assert tree.unlink("no/such") is False
    put(tree, "a/b", b"12")
    status = tree.stat("a/b")
    assert status is not None and status.st_size == 2
    assert tree.unlink("a/b") is True
    assert tree.stat("a/b") is None


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "日" * 85, "x"])
def test_temporary_name_fits_and_is_new(root: Path, name: str) -> None:
    put(Tree(root), f"a/{name}")
    assert os.listdir(root / "a") == [name]
    assert is_temporary(temporary_name(name))
    assert temporary_name(name) != temporary_name(name)


@pytest.mark.parametrize("name", ["x" * 256, "é" * 128])
def test_name_too_long_for_a_disk_is_refused_before_anything_is_written(root: Path, name: str) -> None:
    with pytest.raises(Refused):
        Tree(root).create_temporary(f"a/{name}")
    assert os.listdir(root) == []


def test_sweep_removes_old_temporaries_and_nothing_else(root: Path) -> None:
    tree = Tree(root)
    put(tree, "a/kept")
    (root / ".hidden").touch()
    (root / "outside.winnowry").symlink_to("/")
    for place in ("a/dead", "top"):
        os.close(tree.create_temporary(place)[0])
    born = max(os.lstat(path).st_ctime for path in root.rglob("*"))
    assert tree.sweep(60, clock=lambda: born + 59) == 0
    assert tree.sweep(60, clock=lambda: born + 61) == 2
    assert sorted(path.name for path in root.rglob("*")) == [".hidden", "a", "kept", "outside.winnowry"]


@pytest.mark.e2e
def test_full_disk_is_told_from_a_broken_one(small_disk: Path) -> None:
    tree = Tree(small_disk)
    with pytest.raises(DiskTrouble) as trouble:
        for number in range(32):
            put(tree, f"{number}")
    assert trouble.value.reason is Reason.DISK_FULL


def test_sweep_spares_what_an_intent_names(root: Path) -> None:
    tree = Tree(root)
    descriptor, temporary = tree.create_temporary("a/b")
    os.close(descriptor)
    born = (root / temporary).stat().st_ctime
    assert tree.sweep(60, frozenset({temporary}), clock=lambda: born + 61) == 0
    assert tree.sweep(60, clock=lambda: born + 61) == 1


def test_directories_close_quietly_when_the_interpreter_ends(root: Path) -> None:
    keeps_one_open = f"from pathlib import Path; from winnowry.io.tree import tree_at; tree_at(Path({str(root)!r})).stat('a')"
    done = subprocess.run([sys.executable, "-c", keeps_one_open], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_folders_nested_deeper_than_functions_may_call_each_other_are_made_and_swept(root: Path) -> None:
    tree = Tree(root)
    deep = "d/" * 1500
    put(tree, f"{deep}f")
    os.close(tree.create_temporary(f"{deep}g")[0])
    swept, found = tree.sweep(-60), tree.stat(f"{deep}f")
    subprocess.run(["rm", "-rf", str(root / "d")], check=True)  # Python's own way would call itself too often
    assert swept == 1
    assert found is not None


def test_sweep_goes_through_no_link(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / ".dead.winnowry").touch()
    (root / "link").symlink_to(outside)
    assert Tree(root).sweep(-60) == 0
    assert (outside / ".dead.winnowry").exists()
