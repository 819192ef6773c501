import pytest

from busjax.atomic import write_atomic


def test_replaces_the_whole_file_and_creates_its_folder(tmp_path):
    path = tmp_path / "run" / "part" / "file.txt"
    write_atomic(path, "first, and longer")
    write_atomic(path, "é\r\n")
    assert path.read_bytes() == "é\r\n".encode()
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def test_others_may_read_it_as_any_new_file(tmp_path):
    (tmp_path / "usual").touch()
    write_atomic(tmp_path / "atomic", "text")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_failure_half_way_keeps_the_old_file_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "text" * 10_000 + "\ud800")  # half a character: not UTF-8
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"folder: cannot be written: Is a directory"):
        write_atomic(tmp_path / "folder", "text")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"inner: cannot be written: a file stands where its folder"):
        write_atomic(tmp_path / "file" / "inner", "text")
    with pytest.raises(OSError, match=r"inner: cannot be written: a file stands where its folder"):
        write_atomic(tmp_path / "file" / "deeper" / "inner", "text")
