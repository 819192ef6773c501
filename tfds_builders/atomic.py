"""Writing a file whole or not at all."""

import os
from pathlib import Path


def write_atomic(path: str | os.PathLike[str], text: str) -> None:
    """Replaces the file at `path` by `text` (UTF-8) in one move, creating its folder if needed.

    A reader, or a program that is killed half way, finds either the old file or the new one, never a part of it.

    Raises:
        OSError: the folder or the file cannot be written; the message names the path and the cause. An old file at
            `path` is left as it was.
    """
    target = Path(path)
    # Beside the target, because a move is atomic only within one file system; created with the user's own umask.
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(part, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        blocked = isinstance(error, FileExistsError | NotADirectoryError)
        cause = "a file stands where its folder should be" if blocked else error.strerror or error
        raise OSError(f"{target}: cannot be written: {cause}") from error
